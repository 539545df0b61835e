import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { realTime } from "../realTime";
import { Feed } from "./feed";

class FakeSocket extends EventTarget {
  static readonly OPEN = 1;
  static readonly all: FakeSocket[] = [];
  readyState = 0;
  readonly sent: Record<string, unknown>[] = [];

  constructor(readonly url: string) {
    super();
    FakeSocket.all.push(this);
  }

  send(text: string): void {
    this.sent.push(JSON.parse(text) as Record<string, unknown>);
  }

  close(): void {
    this.readyState = 3;
    this.dispatchEvent(new Event("close"));
  }

  accept(): void {
    this.readyState = FakeSocket.OPEN;
    this.dispatchEvent(new Event("open"));
  }

  say(frame: object): void {
    this.dispatchEvent(new MessageEvent("message", { data: JSON.stringify(frame) }));
  }
}

const socket = (): FakeSocket => FakeSocket.all.at(-1) as FakeSocket;
let token: string | null = "stream token";
const refused = vi.fn(async (_why: string) => {});

async function started(): Promise<Feed> {
  const feed = new Feed({ address: async () => "ws://exchange/ws", streamToken: () => token, refused });
  feed.start();
  await vi.advanceTimersByTimeAsync(0);
  return feed;
}

beforeEach(() => {
  vi.useFakeTimers();
  vi.stubGlobal("WebSocket", FakeSocket);
  vi.stubGlobal("addEventListener", vi.fn());
  FakeSocket.all.length = 0;
  token = "stream token";
});

afterEach(() => {
  realTime();
  vi.unstubAllGlobals();
});

it("asks for every stream, private ones with the token, and reports when they are active", async () => {
  const feed = await started();
  const active = vi.fn();
  feed.subscribe({ name: "depth.SOL_USDC", event: vi.fn(), active });
  feed.subscribe({ name: "account.orderUpdate", isPrivate: true, event: vi.fn() });
  socket().accept();
  expect(socket().sent).toEqual([
    { method: "SUBSCRIBE", params: ["depth.SOL_USDC"], id: 1 },
    { method: "SUBSCRIBE", params: ["account.orderUpdate"], id: 2, session: "stream token" },
  ]);
  expect(active).not.toHaveBeenCalled();
  socket().say({ id: 1, result: null });
  expect(active).toHaveBeenCalledOnce();
  expect(feed.state.get()).toBe("live");
});

it("shows public data without a session, and adds the private streams when it comes", async () => {
  token = null;
  const feed = await started();
  feed.subscribe({ name: "account.balanceUpdate", isPrivate: true, event: vi.fn() });
  socket().accept();
  expect(socket().sent).toEqual([]);
  token = "later";
  feed.resubscribePrivate();
  expect(socket().sent).toEqual([{ method: "SUBSCRIBE", params: ["account.balanceUpdate"], id: 1, session: "later" }]);
});

it("reports a lost connection, reconnects and subscribes again", async () => {
  const feed = await started();
  const lost = vi.fn();
  const event = vi.fn();
  feed.subscribe({ name: "trade.SOL_USDC", event, lost });
  socket().accept();
  socket().say({ stream: "trade.SOL_USDC", data: { e: "trade", p: "1" } });
  expect(event).toHaveBeenCalledOnce();
  socket().close();
  expect(lost).toHaveBeenCalledOnce();
  expect(feed.state.get()).toBe("away");
  await vi.advanceTimersByTimeAsync(300);
  expect(FakeSocket.all).toHaveLength(2);
  socket().accept();
  expect(socket().sent[0]).toMatchObject({ method: "SUBSCRIBE", params: ["trade.SOL_USDC"] });
});

it("gives up a connection that has fallen silent", async () => {
  const feed = await started();
  const lost = vi.fn();
  feed.subscribe({ name: "depth.SOL_USDC", event: vi.fn(), lost });
  socket().accept();
  for (let second = 0; second < 20; second += 1) {
    socket().say({ stream: "depth.SOL_USDC", data: { e: "depth" } });
    await vi.advanceTimersByTimeAsync(1_000);
  }
  expect(lost).not.toHaveBeenCalled();
  await vi.advanceTimersByTimeAsync(6_000);
  expect(lost).toHaveBeenCalledOnce();
});

it("renews the session when the exchange does not take the token", async () => {
  await started();
  socket().accept();
  const warn = vi.spyOn(console, "warn");
  vi.spyOn(console, "info").mockImplementation(() => {});
  refused.mockClear();
  for (let again = 0; again < 5; again += 1) socket().say({ id: 1, error: { code: 4005, message: "Session expired" } });
  expect(refused).toHaveBeenCalledOnce(); // and not again immediately: the new one may be refused, too
  expect(warn).not.toHaveBeenCalled(); // a session that ends is no fault
});

it("unsubscribes a stream when its last listener goes", async () => {
  const feed = await started();
  socket().accept();
  const stops = [1, 2].map(() => feed.subscribe({ name: "trade.SOL_USDC", event: vi.fn() }));
  stops[0]?.();
  expect(socket().sent.filter((frame) => frame["method"] === "UNSUBSCRIBE")).toEqual([]);
  stops[1]?.();
  expect(socket().sent.at(-1)).toEqual({ method: "UNSUBSCRIBE", params: ["trade.SOL_USDC"] });
});
