import { useEffect, useMemo, useState } from "react";

import { choose } from "../app/choices.ts";
import { live, useGeneration } from "../api/live.ts";
import type { Event } from "../api/types.ts";
import { word } from "../format/names.ts";
import { useAsked } from "../panels/asked.ts";
import { Moment } from "../panels/Moment.tsx";
import { Note, Panel } from "../panels/Panel.tsx";
import { matches } from "./search.ts";

const SIGNS: Record<Event["level"], string> = { info: "·", warn: "▲", bad: "■" };

/** What the journal has that is worth reading: gaps, refusals, stops, halts, reconciliations. */
export function EventsPage() {
  const generation = useGeneration();
  const asked = useAsked("/api/events", { limit: 1_000 }, generation);
  const [added, setAdded] = useState<Event[]>([]);
  const [sought, setSought] = useState("");
  useEffect(
    () => live.onSeries({ events: (events) => setAdded((before) => [...events, ...before].slice(0, 1_000)) }),
    [],
  );
  const events = useMemo(() => {
    const all = [...new Map([...added, ...(asked.body?.events ?? [])].map((event) => [event.id, event])).values()];
    return all.filter((event) =>
      matches(sought, [event.kind, event.text, event.strategy ?? "", event.instrument ?? ""]),
    );
  }, [added, asked.body, sought]);
  return (
    <div className="page">
      <Panel
        name="Events"
        className="grows"
        meta="newest first"
        tools={
          <input
            type="search"
            aria-label="Filter events"
            placeholder="Filter"
            value={sought}
            onChange={(event) => setSought(event.target.value)}
          />
        }
      >
        {asked.problem ? (
          <Note problem={asked.problem} onRetry={asked.again} />
        ) : !asked.body ? (
          <Note>Loading …</Note>
        ) : events.length === 0 ? (
          <Note>{sought ? `No event has “${sought}” in it.` : "Nothing out of the ordinary so far."}</Note>
        ) : (
          <ol className="events">
            {events.map((event) => (
              <li key={event.id} data-level={event.level}>
                <Moment at={event.at} whole />
                <span className="kind">
                  <i aria-hidden="true">{SIGNS[event.level]}</i> {word(event.kind)}
                </span>
                <span className="text">{event.text}</span>
                {event.order && (
                  <button type="button" className="quiet act" onClick={() => choose({ explained: event.order })}>
                    Why
                  </button>
                )}
              </li>
            ))}
          </ol>
        )}
      </Panel>
    </div>
  );
}
