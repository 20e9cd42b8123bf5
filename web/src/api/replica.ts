/** The server's state rebuilt from its stream. It stands exactly at a number, or it asks anew; it never guesses. */

import type { CandleChange, Changes, EquitySample, Event, Fill, Message, State } from "./types.ts";

/** Fills kept, newest first: what the page lists and marks before it asks for older ones. */
export const FILLS_KEPT = 500;

export type Outcome =
  | { kind: "snapshot" }
  | { kind: "changed"; candles: CandleChange[]; equity: EquitySample[]; events: Event[] }
  /** A number was missed: send a resync. Told once; what follows is ignored until the snapshot comes. */
  | { kind: "missed"; expected: number; was: number }
  | { kind: "ignored" };

export class Replica {
  state: State | null = null;
  private seq: number | null = null;

  /** Takes one message, in the order of arrival. */
  receive(message: Message): Outcome {
    if (message.type === "snapshot") {
      this.state = message.state;
      this.seq = message.seq;
      return { kind: "snapshot" };
    }
    if (this.seq === null || this.state === null) return { kind: "ignored" };
    const expected = this.seq + 1;
    if (message.seq !== expected) {
      this.seq = null;
      return { kind: "missed", expected, was: message.seq };
    }
    this.seq = message.seq;
    this.state = applied(this.state, message.changes);
    const { "candles+": candles, "equity+": equity, "events+": events } = message.changes;
    return { kind: "changed", candles: candles ?? [], equity: equity ?? [], events: events ?? [] };
  }

  /** The connection is gone: what is known stays on the screen, and the next snapshot replaces it. */
  disconnected(): void {
    this.seq = null;
  }
}

/** `changes` replace sections whole; an untouched section keeps its identity, so that nothing of it is drawn again. */
function applied(state: State, changes: Changes): State {
  const next: Record<string, unknown> = { ...state };
  for (const [section, value] of Object.entries(changes)) {
    if (section.endsWith("+") || value === undefined || !(section in state)) continue;
    next[section] = value;
  }
  const fills = changes["fills+"];
  if (fills?.length) next.fills = merged(changes.fills ?? state.fills, fills);
  return next as State;
}

/** Known and new fills, each once, newest first. */
function merged(known: Fill[], fresh: Fill[]): Fill[] {
  const ids = new Set(known.map((fill) => fill.id));
  const added = fresh.filter((fill) => !ids.has(fill.id));
  if (added.length === 0) return known;
  return [...added, ...known].sort((a, b) => (a.at < b.at ? 1 : a.at > b.at ? -1 : 0)).slice(0, FILLS_KEPT);
}
