/** Messages of the stream as short as a test needs them. */

import type { Changes, Delta, Fill, Snapshot, State } from "../src/api/types.ts";

const EMPTY = { halted: false, feeds: [], fills: [], orders: [], balances: {}, reconciliation: null };

export function snapshot(seq: number, state: Partial<State>): Snapshot {
  return { seq, type: "snapshot", state: { ...EMPTY, ...state } as State };
}

export function delta(seq: number, changes: Partial<Changes>): Delta {
  return { seq, type: "delta", changes: changes as Changes };
}

export function fill(number: number): Fill {
  const at = new Date(1_795_244_709_000 + number * 1_000).toISOString();
  return { id: String(number), at } as Fill;
}
