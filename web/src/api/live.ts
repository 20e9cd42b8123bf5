/** The one live connection of the page, and the hooks that read it. State lives here, outside React. */

import { useSyncExternalStore } from "react";

import { get, Refused } from "./http.ts";
import { Stream, type Link } from "./stream.ts";
import type { CandleChange, EquitySample, Event, State } from "./types.ts";

type Series = {
  candles?: (changes: CandleChange[]) => void;
  equity?: (samples: EquitySample[]) => void;
  events?: (events: Event[]) => void;
};

class Live {
  state: State | null = null;
  link: Link = { kind: "connecting" };
  /** Rises with each snapshot: what was asked for by HTTP before it may have holes, and is asked for again. */
  generation = 0;
  private stream: Stream | null = null;
  private readonly listeners = new Set<() => void>();
  private readonly series = new Set<Series>();
  private frame = false;

  start(): void {
    if (this.stream) return;
    this.link = { kind: "connecting" };
    this.stream = new Stream({
      open: () => new WebSocket(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/api/stream`),
      signedIn,
      onLink: (link) => {
        this.link = link;
        if (link.kind === "signed_out") this.stream = null;
        this.redraw();
      },
      onOutcome: (outcome) => {
        this.state = this.stream?.replica.state ?? this.state;
        if (outcome.kind === "snapshot") this.generation += 1;
        if (outcome.kind === "changed") {
          for (const one of this.series) {
            if (outcome.candles.length) one.candles?.(outcome.candles);
            if (outcome.equity.length) one.equity?.(outcome.equity);
            if (outcome.events.length) one.events?.(outcome.events);
          }
        }
        this.redraw();
      },
    });
    this.stream.start();
  }

  stop(): void {
    this.stream?.stop();
    this.stream = null;
    this.state = null;
  }

  /** ms since the epoch of the last message. */
  get heardAt(): number {
    return this.stream?.heardAt ?? 0;
  }

  retryNow(): void {
    this.stream?.retryNow();
  }

  subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  /** Charts draw themselves: they hear of each added candle and sample at once. */
  onSeries(series: Series): () => void {
    this.series.add(series);
    return () => this.series.delete(series);
  }

  /** Many messages, one drawing: at most once a frame, and four times a second where nobody looks. */
  private redraw(): void {
    if (this.frame) return;
    this.frame = true;
    const draw = (): void => {
      this.frame = false;
      for (const listener of this.listeners) listener();
    };
    if (document.hidden) setTimeout(draw, 250);
    else requestAnimationFrame(draw);
  }
}

async function signedIn(): Promise<boolean> {
  try {
    await get("/api/state");
    return true;
  } catch (error) {
    if (error instanceof Refused && (error.status === 401 || error.status === 403)) return false;
    throw error;
  }
}

export const live = new Live();

/** A part of the state; draws again only when that part is another one. Null before the first snapshot. */
export function useLive<Part>(part: (state: State) => Part): Part | null {
  return useSyncExternalStore(live.subscribe, () => (live.state ? part(live.state) : null));
}

export function useLink(): Link {
  return useSyncExternalStore(live.subscribe, () => live.link);
}

export function useGeneration(): number {
  return useSyncExternalStore(live.subscribe, () => live.generation);
}
