/** Whether one can trust the rest: feeds, reconciliation, speed, processes. */

import type { ReactNode } from "react";

import { useLive } from "../api/live.ts";
import type { Feed, Process } from "../api/types.ts";
import { decimal } from "../format/decimal.ts";
import { count, word } from "../format/names.ts";
import { age } from "../format/time.ts";
import { useNow } from "../app/staleness.ts";
import { Market } from "./Market.tsx";
import { Moment } from "./Moment.tsx";
import { Note } from "./Panel.tsx";
import { Table, type Column } from "./Table.tsx";

function ms(value: number | null): string {
  return value === null ? "–" : value < 10 ? value.toFixed(1) : String(Math.round(value));
}

const FEED: Column<Feed>[] = [
  { name: "Instrument", cell: (feed) => <Market id={feed.instrument} /> },
  {
    name: "State",
    cell: (feed) => (
      <span className={feed.state === "in_sync" ? "good" : "warn"}>
        {feed.state === "in_sync" ? "● " : "▲ "}
        {word(feed.state)}
      </span>
    ),
  },
  { name: "Age", unit: "ms", number: true, cell: (feed) => ms(feed.age_ms) },
  { name: "Gaps", number: true, cell: (feed) => <span className={feed.gaps ? "warn" : ""}>{feed.gaps}</span> },
  { name: "p50", unit: "ms", number: true, cell: (feed) => ms(feed.latency_p50_ms) },
  { name: "p99", unit: "ms", number: true, cell: (feed) => ms(feed.latency_p99_ms) },
];
const FEED_WHOLE: Column<Feed>[] = [
  ...FEED,
  { name: "Resyncs", number: true, wide: true, cell: (feed) => feed.resyncs },
  { name: "Reconnects", number: true, wide: true, cell: (feed) => feed.reconnects },
  { name: "Messages", number: true, wide: true, cell: (feed) => feed.messages.toLocaleString("en-US") },
];

export function Feeds({ whole = false }: { whole?: boolean }) {
  const feeds = useLive((state) => state.feeds);
  if (feeds === null) return <Note>Waiting for the first state …</Note>;
  if (feeds.length === 0)
    return (
      <Note>
        No feeds. <code>kedge up</code> connects them.
      </Note>
    );
  return <Table caption="Feeds" columns={whole ? FEED_WHOLE : FEED} rows={feeds} id={(feed) => feed.instrument} />;
}

export function Reconciled({ whole = false }: { whole?: boolean }) {
  const last = useLive((state) => state.reconciliation);
  const known = useLive((state) => state.epoch) !== null;
  const now = useNow(1_000);
  if (!last) return <Note>{known ? "Not compared with the venue yet." : "Waiting for the first state …"}</Note>;
  return (
    <div className="reconciled">
      <p>
        {last.equal ? (
          <b className="good">● Equal with the venue</b>
        ) : (
          <b className="bad">▲ {count(last.differences.length, "difference")} from the venue</b>
        )}{" "}
        <span className="muted">
          <Moment at={last.ts} />, {age(now - Date.parse(last.ts))} ago
          {whole && `, ${word(last.at)}${last.took_ms === null ? "" : `, took ${ms(last.took_ms)} ms`}`}
        </span>
      </p>
      {last.differences.length > 0 && (
        <ul>
          {last.differences.map((difference) => (
            <li key={difference.what}>
              <b>{difference.what}</b>: ours {difference.ours}, venue {difference.venue}. {difference.action}
            </li>
          ))}
        </ul>
      )}
    </div>
  );
}

export function TickToOrder() {
  const times = useLive((state) => state.tick_to_order_us);
  const figure = (name: string): string => {
    const value = times?.[name];
    return value == null ? "–" : decimal(value.toFixed(0));
  };
  return (
    <table className="rows speed">
      <caption className="unseen">Tick to order</caption>
      <thead>
        <tr>
          <th scope="col">
            <span className="unit">µs</span>
          </th>
          <th scope="col" className="number">
            p50
          </th>
          <th scope="col" className="number">
            p99
          </th>
        </tr>
      </thead>
      <tbody>
        <tr>
          <th scope="row">until durable</th>
          <td className="number">{figure("with_sync_p50")}</td>
          <td className="number">{figure("with_sync_p99")}</td>
        </tr>
        <tr>
          <th scope="row">without the sync</th>
          <td className="number">{figure("p50")}</td>
          <td className="number">{figure("p99")}</td>
        </tr>
      </tbody>
    </table>
  );
}

const PROCESS: Column<Process>[] = [
  { name: "Process", cell: (process) => process.name },
  {
    name: "State",
    cell: (process) => (
      <span className={process.state === "running" ? "good" : "warn"}>
        {process.state === "running" ? "● " : "▲ "}
        {word(process.state)}
      </span>
    ),
  },
  { name: "Up since", number: true, cell: (process) => <Moment at={process.since} /> },
  {
    name: "Restarts",
    number: true,
    cell: (process) => <span className={process.restarts ? "warn" : ""}>{process.restarts}</span>,
  },
];

export function Processes() {
  const processes = useLive((state) => state.processes);
  if (processes === null) return <Note>Waiting for the first state …</Note>;
  if (processes.length === 0)
    return (
      <Note>
        Not started by <code>kedge up</code>: nothing watches over the processes.
      </Note>
    );
  return <Table caption="Processes" columns={PROCESS} rows={processes} id={(process) => process.name} />;
}

/** The same in one line. */
export function ProcessLine() {
  const processes = useLive((state) => state.processes);
  if (!processes?.length) return <Processes />;
  return (
    <ul className="chips">
      {processes.map((process) => (
        <li key={process.name} className={process.state === "running" ? "" : "warn"} title={word(process.state)}>
          <span className={process.state === "running" ? "good" : "warn"} aria-hidden="true">
            {process.state === "running" ? "●" : "▲"}
          </span>{" "}
          {process.name} {process.state !== "running" && word(process.state)}{" "}
          {process.restarts > 0 && <span className="warn">↻{process.restarts}</span>}
        </li>
      ))}
    </ul>
  );
}

/** A name and a figure, in lines. */
export function Pairs({ pairs }: { pairs: [string, ReactNode][] }) {
  return (
    <dl className="figures">
      {pairs.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}
