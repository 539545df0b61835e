/** What the processes show, as a person reads it: rates, levels and percentiles between two readings. Pure. */

interface Numbered {
  name: string;
  value: string;
  labels: Record<string, string>;
}

interface Timed {
  name: string;
  counts: number[];
  labels: Record<string, string>;
}

/** One process at one moment. */
export interface Look {
  role: string;
  worker: number;
  atMs: number;
  cpuMs: number;
  memoryBytes: number;
  notReady: string;
  numbers: Numbered[];
  times: Timed[];
}

/** The answer of /api/v1/admin/status. */
export interface AdminStatus {
  boundsUs: number[];
  processes: Look[];
  silent: string[];
}

/** A fact at one moment; null: nobody says it. */
export type Value = number | null;

interface Fact {
  id: string;
  title: string;
  unit: string;
  read: (before: AdminStatus, now: AdminStatus) => Value;
}

export interface Percentiles {
  p50: Value;
  p99: Value;
}

type Labels = Record<string, string>;

function has(labels: Labels, wanted: Labels): boolean {
  return Object.entries(wanted).every(([name, value]) => labels[name] === value);
}

function valuesOf(look: Look, name: string, labels: Labels): number[] {
  return look.numbers.filter((each) => each.name === name && has(each.labels, labels)).map((each) => Number(each.value));
}

/** The same process in another reading; undefined: it was not there, or one before it was. */
function sameIn(status: AdminStatus, look: Look): Look | undefined {
  const found = status.processes.find((each) => each.role === look.role && each.worker === look.worker);
  return found && found.cpuMs <= look.cpuMs ? found : undefined;
}

const sum = (values: number[]): number => values.reduce((total, value) => total + value, 0);

/** How fast a counter grows each second, over all processes of a role. */
function rate(role: string, name: string): Fact["read"] {
  return (before, now) => {
    const rates = now.processes.flatMap((look) => {
      const earlier = look.role === role ? sameIn(before, look) : undefined;
      if (!earlier || look.atMs <= earlier.atMs) return [];
      const [values, former] = [valuesOf(look, name, {}), valuesOf(earlier, name, {})];
      if (values.length === 0) return [];
      return [(Math.max(sum(values) - sum(former), 0) * 1000) / (look.atMs - earlier.atMs)];
    });
    return rates.length > 0 ? sum(rates) : null;
  };
}

function level(role: string, name: string, combine: (values: number[]) => number, labels: Labels = {}): Fact["read"] {
  return (_, now) => {
    const values = now.processes.filter((look) => look.role === role).flatMap((look) => valuesOf(look, name, labels));
    return values.length > 0 ? combine(values) : null;
  };
}

const most = (values: number[]): number => Math.max(...values);
const least = (values: number[]): number => Math.min(...values);

function clients(_: AdminStatus, now: AdminStatus): Value {
  const shown = [level("ingress", "http_connections", sum)(now, now), level("egress", "websocket_connections", sum)(now, now)];
  const known = shown.filter((value) => value !== null);
  return known.length > 0 ? sum(known) : null;
}

export const FACTS: readonly Fact[] = [
  { id: "orders", title: "Orders and cancels", unit: "/s", read: rate("engine", "matched_commands_total") },
  { id: "trades", title: "Trades", unit: "/s", read: rate("engine", "trades_total") },
  { id: "refusals", title: "Refused by a limit", unit: "/s", read: rate("ingress", "http_limited_total") },
  { id: "clients", title: "Clients connected", unit: "", read: clients },
  { id: "ring", title: "Ring lag", unit: " events", read: level("engine", "ring_lag_slots", most) },
  { id: "writer", title: "Writer lag", unit: " s", read: level("writer", "store_lag_seconds", most) },
  { id: "log", title: "Command log kept", unit: " entries", read: level("ingress", "log_entries", most, { log: "orders" }) },
  { id: "trimmed", title: "Trimmed from it", unit: " entries", read: level("ingress", "log_trimmed_total", most, { log: "orders" }) },
  { id: "unexecuted", title: "Waiting for the engine", unit: " entries", read: level("ingress", "log_unexecuted_entries", most) },
  { id: "snapshot", title: "Age of the snapshot", unit: " s", read: level("engine", "snapshot_age_seconds", least) },
];

/** In the order of an order's way. */
export const STAGES = ["authenticated", "appended", "read", "matched", "published", "answered", "streamed", "stored"] as const;

/** The bound of the bucket, in µs, below which half and 99 % of what came between two readings lies. */
export function stageTimes(before: AdminStatus, now: AdminStatus, stage: string): Percentiles {
  const counts = now.boundsUs.concat(0).map(() => 0);
  for (const look of now.processes) {
    const earlier = sameIn(before, look);
    const of = (each?: Look): Timed | undefined =>
      each?.times.find((times) => times.name === "order_stage_seconds" && times.labels["stage"] === stage);
    const former = of(earlier)?.counts ?? [];
    of(look)?.counts.forEach((count, place) => {
      counts[place] = (counts[place] ?? 0) + Math.max(count - (former[place] ?? 0), 0);
    });
  }
  return { p50: percentile(counts, now.boundsUs, 0.5), p99: percentile(counts, now.boundsUs, 0.99) };
}

function percentile(counts: number[], boundsUs: number[], share: number): Value {
  const wanted = sum(counts) * share;
  if (wanted === 0) return null;
  let seen = 0;
  const place = counts.findIndex((count) => (seen += count) >= wanted);
  return boundsUs[place] ?? Infinity;
}

/** Part of a core, in per cent. */
export function processor(before: AdminStatus, look: Look): Value {
  const earlier = sameIn(before, look);
  return earlier && look.atMs > earlier.atMs ? (100 * (look.cpuMs - earlier.cpuMs)) / (look.atMs - earlier.atMs) : null;
}

/** What an engine does; empty for every other process. */
export function duty(look: Look): string {
  const [active] = valuesOf(look, "engine_active", {});
  if (active === undefined) return "";
  return active === 1 ? "active" : "stands by";
}
