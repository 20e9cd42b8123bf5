/** Tells a screen reader what a sighted trader would see change in alarm; ordinary updates stay silent. */

import { useEffect, useRef, useState } from "react";

import { useLive } from "../api/live.ts";
import { instrumentName, word } from "../format/names.ts";
import { useStaleness } from "./staleness.ts";

export function Announcer() {
  const halted = useLive((state) => state.halted);
  const feeds = useLive((state) => state.feeds.map((feed) => `${feed.instrument}=${feed.state}`).join(" "));
  const failed = useLive((state) =>
    state.strategies
      .filter((strategy) => strategy.state === "failed")
      .map((strategy) => strategy.name)
      .join(", "),
  );
  const stale = useStaleness()?.short ?? "";
  const [text, setText] = useState("");
  const before = useRef({ halted, feeds, failed, stale });

  useEffect(() => {
    const last = before.current;
    before.current = { halted, feeds, failed, stale };
    if (last.halted === null) return; // the first state is news to nobody
    const news: string[] = [];
    if (halted !== last.halted) news.push(halted ? "Trading is halted." : "Trading goes on.");
    if (failed && failed !== last.failed) news.push(`Strategy failed: ${failed}.`);
    if (stale !== last.stale) news.push(stale ? `Figures are stale: ${stale}.` : "Figures are live again.");
    if (feeds !== last.feeds) news.push(...feedNews(last.feeds ?? "", feeds ?? ""));
    if (news.length) setText(news.join(" "));
  }, [halted, feeds, failed, stale]);

  return (
    <div role="status" aria-live="polite" className="unseen">
      {text}
    </div>
  );
}

function feedNews(before: string, now: string): string[] {
  const known = new Set(before.split(" "));
  return now
    .split(" ")
    .filter((feed) => feed && !known.has(feed))
    .map((feed) => {
      const [instrument = "", state = ""] = feed.split("=");
      return `${instrumentName(instrument).pair}: ${word(state)}.`;
    });
}
