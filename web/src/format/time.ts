/** Times: UTC on the screen, the reader's own zone on hover. Nanoseconds arrive as integers or as text. */

import { NONE } from "./decimal.ts";

const two = (value: number): string => String(value).padStart(2, "0");

export type Moment = string | number | null | undefined;

/** Milliseconds since the epoch of an ISO text or of milliseconds; NaN if it is neither. */
export function millis(at: Moment): number {
  if (typeof at === "number") return at;
  return at ? Date.parse(at) : Number.NaN;
}

/** `12:34:56`, or with `decimals` of a second. */
export function clock(at: Moment, decimals = 0): string {
  const ms = millis(at);
  if (Number.isNaN(ms)) return NONE;
  const date = new Date(ms);
  const text = `${two(date.getUTCHours())}:${two(date.getUTCMinutes())}:${two(date.getUTCSeconds())}`;
  return decimals ? `${text}.${String(date.getUTCMilliseconds()).padStart(3, "0").slice(0, decimals)}` : text;
}

/** `2026-01-31`, UTC. */
export function day(at: Moment): string {
  const ms = millis(at);
  return Number.isNaN(ms) ? NONE : new Date(ms).toISOString().slice(0, 10);
}

/** `12:34:56.789012` of nanoseconds since the epoch. */
export function microClock(ns: bigint): string {
  const micros = ns / 1000n;
  return `${clock(Number(micros / 1000n))}.${String(micros % 1_000_000n).padStart(6, "0")}`;
}

const LOCAL = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "long" });

/** The same moment in the reader's own zone, named. */
export function local(at: Moment): string {
  const ms = millis(at);
  return Number.isNaN(ms) ? "" : `${LOCAL.format(ms)}, local`;
}

/** How long ago: `0.4 s`, `12 s`, `3 min`, `2 h 05 min`. */
export function age(ms: number | null | undefined): string {
  if (ms === null || ms === undefined || !Number.isFinite(ms)) return NONE;
  const seconds = Math.max(0, ms) / 1000;
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  if (seconds < 100) return `${Math.floor(seconds)} s`;
  const minutes = Math.floor(seconds / 60);
  return minutes < 100 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${two(minutes % 60)} min`;
}

/** A span of nanoseconds, with a sign: `+105.3 µs`; from a second on `+8.391221 s`, to the µs. */
export function span(ns: bigint): string {
  const size = ns < 0n ? -ns : ns;
  const sign = ns < 0n ? "−" : "+";
  if (size >= 1_000_000_000n) {
    const micros = (size + 500n) / 1000n;
    return `${sign}${micros / 1_000_000n}.${String(micros % 1_000_000n).padStart(6, "0")} s`;
  }
  const tenths = (size + 50n) / 100n;
  return `${sign}${(tenths / 10n).toString().replace(/\B(?=(\d{3})+$)/g, ",")}.${tenths % 10n} µs`;
}
