/**
 * The one WebSocket of the page. Keeps the wanted streams subscribed across lost connections and notifies each
 * of them when it is active and when it is lost. Non-goal: what the events mean.
 *
 *   opening ──first answer──▶ live ──closed or silent──▶ away ──first answer──▶ live
 *
 * The exchange sends at least once a second (tickers, depth heartbeats), so a longer silence is a dead connection even
 * if no close arrives: half-open sockets would otherwise leave a stale book on the screen.
 */
import { Store } from "../reactive/store";
import { Backoff } from "./backoff";
import { Clock } from "./clock";
import type { ControlFrame, DataFrame, ServerFrame, StreamEvent } from "./events";

type FeedState = "opening" | "live" | "away";

export interface Stream<E extends StreamEvent = StreamEvent> {
  name: string;
  isPrivate?: boolean;
  event: (event: E) => void;
  /** The exchange confirmed the subscription: every later change will arrive. */
  active?: () => void;
  lost?: () => void;
}

interface FeedOptions {
  /** Called before each connection; null when the exchange cannot be reached yet. */
  address: () => Promise<string | null>;
  streamToken: () => string | null;
  /** The streams did not take the session, and said why. */
  refused: (why: string) => Promise<unknown>;
}

const SILENCE_MS = 6_000;
const WATCH_MS = 1_000;
const CONNECT_MS = 5_000;
const BAD_SIGNATURE = 4005;
const RENEWAL_MS = 10_000;

export class Feed {
  readonly state = new Store<FeedState>("opening");
  readonly received = { frames: 0 };
  readonly clock = new Clock();
  private readonly streams = new Map<string, Set<Stream>>();
  private readonly awaited = new Map<number, string[]>();
  private readonly backoff = new Backoff(250, 4_000);
  private socket: WebSocket | null = null;
  private lastFrameMs = 0;
  private renewedMs = -RENEWAL_MS;
  private nextId = 1;
  private isOpening = false;
  private retry: ReturnType<typeof setTimeout> | undefined;

  constructor(private readonly options: FeedOptions) {}

  start(): void {
    setInterval(() => this.watchSilence(), WATCH_MS);
    addEventListener("online", () => this.retryNow());
    addEventListener("offline", () => this.socket?.close());
    void this.open();
  }

  subscribe<E extends StreamEvent>(stream: Stream<E>): () => void {
    const entry = stream as unknown as Stream;
    const held = this.streams.get(stream.name);
    if (held) held.add(entry);
    else this.streams.set(stream.name, new Set([entry]));
    if (this.socket?.readyState === WebSocket.OPEN) this.ask([stream.name], stream.isPrivate ?? false);
    return () => this.unsubscribe(entry);
  }

  private unsubscribe(stream: Stream): void {
    const held = this.streams.get(stream.name);
    if (!held?.delete(stream) || held.size > 0) return;
    this.streams.delete(stream.name);
    this.send({ method: "UNSUBSCRIBE", params: [stream.name] });
  }

  private async open(): Promise<void> {
    this.isOpening = true;
    const address = await this.options.address();
    this.isOpening = false;
    if (address === null) return this.wait();
    const socket = new WebSocket(address);
    this.socket = socket;
    this.lastFrameMs = performance.now();
    socket.addEventListener("open", () => this.opened());
    socket.addEventListener("message", (message: MessageEvent<string>) => this.receive(message.data));
    socket.addEventListener("close", () => {
      if (this.socket === socket) this.closed();
    });
  }

  private opened(): void {
    this.lastFrameMs = performance.now();
    const names = [...this.streams.keys()];
    const isPrivate = (name: string): boolean => [...(this.streams.get(name) ?? [])].some((stream) => stream.isPrivate);
    this.ask(names.filter((name) => !isPrivate(name)), false);
    this.ask(names.filter(isPrivate), true);
  }

  private closed(): void {
    this.socket = null;
    this.awaited.clear();
    for (const held of this.streams.values()) for (const stream of held) stream.lost?.();
    this.wait();
  }

  private wait(): void {
    this.state.set("away");
    clearTimeout(this.retry);
    this.retry = setTimeout(() => void this.open(), this.backoff.next());
  }

  private retryNow(): void {
    if (this.socket || this.isOpening) return;
    clearTimeout(this.retry);
    this.backoff.reset();
    void this.open();
  }

  private watchSilence(): void {
    const socket = this.socket;
    if (!socket) return;
    const limit = socket.readyState === WebSocket.OPEN ? SILENCE_MS : CONNECT_MS;
    if (performance.now() - this.lastFrameMs < limit) return;
    // close() of a dead connection may take long to report: give the socket up at once.
    this.socket = null;
    socket.close();
    this.closed();
  }

  private ask(names: string[], isPrivate: boolean): void {
    if (names.length === 0) return;
    const token = isPrivate ? this.options.streamToken() : undefined;
    if (token === null) return;
    const id = this.nextId++;
    this.awaited.set(id, names);
    this.send({ method: "SUBSCRIBE", params: names, id, ...(token === undefined ? {} : { session: token }) });
  }

  private send(frame: object): void {
    if (this.socket?.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify(frame));
  }

  private receive(text: string): void {
    this.lastFrameMs = performance.now();
    this.received.frames += 1;
    const frame = JSON.parse(text) as ServerFrame;
    if ("stream" in frame) this.hand(frame);
    else this.control(frame);
  }

  private hand(frame: DataFrame): void {
    if (this.state.get() !== "live") this.live();
    if ("E" in frame.data) this.clock.hear(frame.data.E);
    const held = this.streams.get(frame.stream);
    if (held) for (const stream of held) stream.event(frame.data);
  }

  private control(frame: ControlFrame): void {
    const names = this.awaited.get(frame.id ?? 0) ?? [];
    this.awaited.delete(frame.id ?? 0);
    if (frame.error) {
      const refusal = `The exchange refused ${names.join(", ") || "a frame"}: ${frame.error.code} ${frame.error.message}`;
      if (frame.error.code !== BAD_SIGNATURE) return console.warn(refusal);
      console.info(refusal); // sessions end: the reader is told by the one that is asked for instead
      return this.refused(frame.error.message);
    }
    this.live();
    for (const name of names) for (const stream of this.streams.get(name) ?? []) stream.active?.();
  }

  /** Rate limited: an account that may not subscribe is refused with every session. */
  private refused(why: string): void {
    if (performance.now() - this.renewedMs < RENEWAL_MS) return;
    this.renewedMs = performance.now();
    void this.options.refused(why);
  }

  private live(): void {
    this.backoff.reset();
    this.state.set("live");
  }

  /** After the session came or changed; before a connection there is nothing to ask. */
  resubscribePrivate(): void {
    if (this.socket?.readyState !== WebSocket.OPEN) return;
    for (const [name, held] of this.streams) {
      if ([...held].some((stream) => stream.isPrivate)) this.ask([name], true);
    }
  }
}
