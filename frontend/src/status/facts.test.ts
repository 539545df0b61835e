import { expect, it } from "vitest";
import { seedOf, signingText } from "./adminKey";
import { duty, FACTS, processor, stageTimes, type AdminStatus, type Look, type Value } from "./facts";
import { duration, inWords, NOTHING, polylines, withReading } from "./history";

function look(role: string, atMs: number, numbers: Record<string, number>, more: Partial<Look> = {}): Look {
  const shown = Object.entries(numbers).map(([name, value]) => ({ name, value: String(value), labels: {} }));
  return { role, worker: 0, atMs, cpuMs: atMs / 10, memoryBytes: 1, notReady: "", numbers: shown, times: [], ...more };
}

const status = (...processes: Look[]): AdminStatus => ({ boundsUs: [10, 20, 50], processes, silent: [] });
const stage = (counts: number[]): Partial<Look> => ({
  times: [{ name: "order_stage_seconds", counts, labels: { stage: "matched" } }],
});

function fact(id: string, before: AdminStatus, now: AdminStatus): Value | undefined {
  return FACTS.find((each) => each.id === id)?.read(before, now);
}

it("takes rates over all processes of a role, each by its own clock", () => {
  const before = status(look("ingress", 1_000, { http_limited_total: 4 }), look("ingress", 9_000, { http_limited_total: 0 }, { worker: 1 }));
  const now = status(look("ingress", 3_000, { http_limited_total: 14 }), look("ingress", 10_000, { http_limited_total: 2 }, { worker: 1 }));
  expect(fact("refusals", before, now)).toBe(5 + 2);
  expect(fact("orders", before, now)).toBeNull();
});

it("counts nothing for a process that took the place of another", () => {
  const before = status(look("engine", 90_000, { matched_commands_total: 5_000, trades_total: 7 }));
  const now = status(look("engine", 91_000, { matched_commands_total: 10, trades_total: 7 }, { cpuMs: 3 }));
  expect(fact("orders", before, now)).toBeNull();
  expect(processor(before, now.processes[0] as Look)).toBeNull();
});

it("shows the slowest reader, the newest snapshot, and all clients", () => {
  const now = status(
    look("engine", 1, { ring_lag_slots: 40, snapshot_age_seconds: 12.5, engine_active: 1 }),
    look("engine", 1, { ring_lag_slots: 3, snapshot_age_seconds: 90, engine_active: 0 }, { worker: 1 }),
    look("ingress", 1, { http_connections: 5 }),
    look("egress", 1, { websocket_connections: 7 }),
  );
  expect(["ring", "snapshot", "clients", "writer"].map((id) => fact(id, now, now))).toEqual([40, 12.5, 12, null]);
  expect(now.processes.map(duty)).toEqual(["active", "stands by", "", ""]);
});

it("finds percentiles of what came between two readings", () => {
  const before = status(look("egress", 1_000, {}, stage([100, 0, 0, 0])));
  const now = status(look("egress", 2_000, {}, stage([100, 98, 2, 0])));
  expect(stageTimes(before, now, "matched")).toEqual({ p50: 20, p99: 50 });
  expect(stageTimes(now, now, "matched")).toEqual({ p50: null, p99: null });
  expect(stageTimes(now, status(look("egress", 3_000, {}, stage([100, 98, 2, 5]))), "matched").p50).toBe(Infinity);
});

it("keeps five minutes, and draws a gap where nobody said anything", () => {
  let history = NOTHING;
  for (let second = 0; second <= 400; second += 1) {
    const shown = second === 350 ? status() : status(look("engine", second * 1_000, { matched_commands_total: second * 3 }));
    history = withReading(history, { atMs: second, status: shown });
  }
  const orders = history.facts.get("orders") ?? [];
  expect([orders.length, orders.at(-1), history.times.length]).toEqual([300, 3, 300]);
  expect(orders.filter((value) => value === null)).toHaveLength(2);
  expect(polylines(orders, 100, 10)).toHaveLength(2);
  expect(polylines([null], 100, 10)).toEqual([]);
});

it("says numbers and durations in few digits", () => {
  expect([inWords(1234.5, "/s"), inWords(0.523), inWords(null), inWords(7)]).toEqual(["1,235/s", "0.52", "–", "7"]);
  expect([duration(50), duration(2_000), duration(1_500_000), duration(Infinity)]).toEqual(["50 µs", "2 ms", "1.5 s", "> 10 s"]);
});

it("signs what the guide says, with a secret however it was printed", () => {
  expect(signingText("adminMarketUpdate", { symbol: "SOL_USDC", state: "Closed" }, "1790000000000")).toBe(
    "instruction=adminMarketUpdate&state=Closed&symbol=SOL_USDC&timestamp=1790000000000&window=60000",
  );
  const secret = btoa(String.fromCharCode(...Array.from({ length: 32 }, (_, place) => place)));
  expect(seedOf(` ${secret}\n`)?.[31]).toBe(31);
  expect(seedOf(`{"apiKey": "x", "secret": "${secret}"}`)).toHaveLength(32);
  expect([seedOf("nonsense!"), seedOf(btoa("short")), seedOf("")]).toEqual([null, null, null]);
});
