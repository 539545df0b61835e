import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { parse } from "../../decimal/decimal";
import type { BookOrderEvent } from "../../feed/events";
import type { Feed, Stream } from "../../feed/feed";
import { Store } from "../../reactive/store";
import { realTime } from "../../realTime";
import type { Order, Orders } from "../trader/orders";
import { OrderQueues } from "./orderQueues";
import { QueueFeed } from "./queueFeed";

const snapshot = (lastUpdateId = "10"): Parameters<OrderQueues["reset"]>[0] => ({
  bids: [["1", "100", "5"], ["2", "100", "3"], ["3", "99", "1"]],
  asks: [["4", "101", "2"]],
  lastUpdateId,
});
const event = (first: number, ...o: BookOrderEvent["o"]): BookOrderEvent => ({ e: "order", U: first, u: first + o.length - 1, o });

it("counts who stands before an order, at its price", () => {
  const queues = new OrderQueues();
  queues.reset(snapshot());
  expect(queues.place("2", "Bid", "100")).toEqual({ before: 1, quantity: parse("5"), shown: parse("3") });
  expect(queues.apply(event(11, ["7", "Bid", "100", "4"], ["1", "Bid", "100", "2.5"]))).toBe(true);
  expect(queues.place("7", "Bid", "100")).toEqual({ before: 2, quantity: parse("5.5"), shown: parse("4") });
  queues.apply(event(13, ["1", "Bid", "100", "0"], ["1", "Bid", "100", "2.5"])); // an amend that lost its place
  expect(queues.place("1", "Bid", "100")).toEqual({ before: 2, quantity: parse("7"), shown: parse("2.5") });
  queues.apply(event(15, ["2", "Bid", "100", "0"]));
  expect(queues.place("2", "Bid", "100")).toBeNull();
  expect(queues.place("7", "Bid", "100")).toEqual({ before: 0, quantity: 0n, shown: parse("4") });
});

it("takes nothing twice, says what is missing, and lets a heartbeat pass", () => {
  const queues = new OrderQueues();
  queues.reset(snapshot("12"));
  // 11 and 12 are contained: order 8 came and order 1 left and came back before it
  expect(queues.apply(event(11, ["1", "Bid", "100", "0"], ["1", "Bid", "100", "5"], ["9", "Bid", "100", "1"]))).toBe(true);
  expect(queues.place("9", "Bid", "100")).toEqual({ before: 2, quantity: parse("8"), shown: parse("1") });
  expect(queues.place("2", "Bid", "100")?.before).toBe(1);
  expect(queues.apply({ e: "order", U: 14, u: 13, o: [] })).toBe(true);
  expect(queues.apply(event(15, ["5", "Ask", "101", "1"]))).toBe(false);
});

const streams: Stream<BookOrderEvent>[] = [];
const stopped: string[] = [];
const feed = {
  subscribe: (stream: Stream<BookOrderEvent>) => {
    streams.push(stream);
    return () => stopped.push(stream.name);
  },
} as unknown as Feed;
const own = (id: string): [string, Order] => [id, { id, symbol: "SOL_USDC", side: "Bid", price: parse("100"), status: "New" } as Order];

beforeEach(() => {
  vi.useFakeTimers();
  streams.length = stopped.length = 0;
});

afterEach(() => {
  realTime();
  vi.unstubAllGlobals();
});

it("follows the feed only while there is an order to place, and begins again after a gap", async () => {
  let answers = 0;
  vi.stubGlobal("fetch", async () => Response.json(snapshot(answers++ === 0 ? "10" : "20")));
  const orders = new Store<Orders>(new Map());
  const queues = new QueueFeed(feed, orders, new Store<{ symbol: string } | null>({ symbol: "SOL_USDC" }));
  orders.set(new Map([own("2")]));
  await vi.advanceTimersByTimeAsync(300);
  expect(streams.map(({ name }) => name)).toEqual(["order.SOL_USDC"]);
  streams[0]?.event(event(11, ["1", "Bid", "100", "4"]));
  streams[0]?.active?.();
  await vi.advanceTimersByTimeAsync(300);
  expect(queues.places.get().get("2")).toEqual({ before: 1, quantity: parse("4"), shown: parse("3") });
  streams[0]?.event(event(15, ["1", "Bid", "100", "1"]));
  expect(queues.places.get().size).toBe(0);
  await vi.advanceTimersByTimeAsync(300);
  expect(queues.places.get().get("2")).toEqual({ before: 1, quantity: parse("5"), shown: parse("3") });
  orders.set(new Map());
  await vi.advanceTimersByTimeAsync(300);
  expect(stopped).toEqual(["order.SOL_USDC"]);
  expect(queues.places.get().size).toBe(0);
});
