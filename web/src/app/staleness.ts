/** Whether the figures on the screen are of now. If not: since when, why, and what happens next. */

import { useEffect, useState } from "react";

import { useLink, useLive } from "../api/live.ts";
import type { Link } from "../api/stream.ts";
import type { Trader } from "../api/types.ts";
import { millis } from "../format/time.ts";

export type Staleness = { since: number; short: string; text: string };

/** Null while everything shown is live. */
export function useStaleness(): Staleness | null {
  const link = useLink();
  const trader = useLive((state) => state.trader);
  const connected = useLive((state) => state.connected);
  const [awaySince, setAwaySince] = useState(Date.now);
  const quiet = trader !== null && (trader.state !== "live" || connected === false);
  useEffect(() => setAwaySince(Date.now()), [quiet]);
  return ofLink(link) ?? (quiet ? ofTrader(trader, millis(trader.last) || awaySince) : null);
}

function ofLink(link: Link): Staleness | null {
  switch (link.kind) {
    case "live":
    case "connecting":
    case "signed_out":
      return null;
    case "resyncing":
      return { since: link.since, short: "resync", text: "An update was missed; the whole state was asked for again." };
    case "silent":
      return { since: link.since, short: "silent", text: "The server is connected and says nothing." };
    case "lost":
      return {
        since: link.since,
        short: "no server",
        text: "No connection to the server. Figures are of then; the trader may still trade. Trying again.",
      };
  }
}

const TRADER: Record<Trader["state"], string> = {
  none: "no trader",
  loading: "reading",
  live: "no answer",
  stale: "trader silent",
  stopped: "trader stopped",
  broken: "journal broken",
};

function ofTrader(trader: Trader, since: number): Staleness {
  const text = trader.message || "The trader does not answer. Orders may still rest on the venue.";
  return { since, short: TRADER[trader.state], text };
}

/** The time, every `everyMs`: for ages that count. */
export function useNow(everyMs: number): number {
  const [now, setNow] = useState(Date.now);
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), everyMs);
    return () => clearInterval(timer);
  }, [everyMs]);
  return now;
}
