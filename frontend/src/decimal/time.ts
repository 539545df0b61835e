/** The wire's several time formats (all UTC), and times as text in the reader's own zone. */

const twoDigits = (value: number): string => String(value).padStart(2, "0");

/** Milliseconds of "2026-03-04T05:06:07.123" or "2026-03-04 05:06:07": zone-less text that means UTC. */
export function parseUtc(text: string): number {
  const match = /^(\d{4})-(\d\d)-(\d\d)[T ](\d\d):(\d\d):(\d\d)(?:\.(\d+))?$/.exec(text);
  if (!match) throw new Error(`"${text}" is not a time of the form YYYY-MM-DDTHH:MM:SS`);
  const [year, month, day, hour, minute, second] = match.slice(1, 7).map(Number) as [number, number, number, number, number, number];
  const fraction = Number((match[7] ?? "").padEnd(3, "0").slice(0, 3));
  return Date.UTC(year, month - 1, day, hour, minute, second, fraction);
}

export function fromMicros(micros: number): number {
  return Math.floor(micros / 1000);
}

/** "14:03:59" */
export function clock(timeMs: number): string {
  const time = new Date(timeMs);
  return `${twoDigits(time.getHours())}:${twoDigits(time.getMinutes())}:${twoDigits(time.getSeconds())}`;
}

/** "2026-03-04 14:03", or "today 14:03" on the day of `nowMs`. */
export function dayOf(timeMs: number, nowMs: number = Date.now()): string {
  const time = new Date(timeMs);
  const at = `${twoDigits(time.getHours())}:${twoDigits(time.getMinutes())}`;
  if (time.toDateString() === new Date(nowMs).toDateString()) return `today ${at}`;
  return `${time.getFullYear()}-${twoDigits(time.getMonth() + 1)}-${twoDigits(time.getDate())} ${at}`;
}

/** "03-04 14:03:59", or the time alone when it is of the day of `nowMs`. */
export function moment(timeMs: number, nowMs: number = Date.now()): string {
  const time = new Date(timeMs);
  if (time.toDateString() === new Date(nowMs).toDateString()) return clock(timeMs);
  return `${twoDigits(time.getMonth() + 1)}-${twoDigits(time.getDate())} ${clock(timeMs)}`;
}
