/** The life of one order, from the event that woke the strategy to the last fill. */

import { useEffect, useRef } from "react";

import { useLive } from "../api/live.ts";
import type { Explanation, Step } from "../api/types.ts";
import { decimal, percent } from "../format/decimal.ts";
import { instrumentName, title, word } from "../format/names.ts";
import { clock, day, local, microClock, span } from "../format/time.ts";
import { Copied } from "../panels/Copied.tsx";
import { Side } from "../panels/Side.tsx";
import { useAsked } from "../panels/asked.ts";
import { Note } from "../panels/Panel.tsx";
import { choose } from "./choices.ts";

export function Explain({ id }: { id: string }) {
  const box = useRef<HTMLElement>(null);
  // Asked again when the order or one of its fills changed.
  const version = useLive((state) => {
    const order = state.orders.find((one) => one.id === id);
    const fills = state.fills.filter((fill) => fill.order === id).length;
    return `${order?.state ?? "ended"} ${order?.filled ?? ""} ${fills}`;
  });
  const answer = useAsked("/api/orders/{id}/explain", { id }, version);

  useEffect(() => {
    const before = document.activeElement;
    box.current?.focus();
    return () => {
      if (before instanceof HTMLElement && before.isConnected) before.focus();
    };
  }, []);

  const close = (): void => choose({ explained: null });
  return (
    <aside
      ref={box}
      className="drawer"
      role="dialog"
      aria-labelledby="explain-title"
      tabIndex={-1}
      onKeyDown={(event) => event.key === "Escape" && close()}
    >
      <header>
        <h2 id="explain-title">Explain this order</h2>
        <button type="button" className="quiet" aria-label="Close" title="Close (Esc)" onClick={close}>
          ✕
        </button>
      </header>
      {answer.problem && <Note problem={answer.problem} onRetry={answer.again} />}
      {!answer.body && !answer.problem && <Note>Reading the journal …</Note>}
      {answer.body && <Life life={answer.body} />}
    </aside>
  );
}

function Life({ life: { order, steps } }: { life: Explanation }) {
  const name = instrumentName(order.instrument);
  const first = steps[0] ? BigInt(steps[0].at_ns) : 0n;
  return (
    <div className="life">
      <p className="gist">
        <Side side={order.side} /> <b>{decimal(order.quantity)}</b> {name.base}{" "}
        {order.price === null ? (
          "at the market"
        ) : (
          <>
            at <b>{decimal(order.price)}</b> {name.quote}
          </>
        )}
      </p>
      <dl className="pairs">
        <dt>State</dt>
        <dd>{word(order.state)}</dd>
        <dt>Filled</dt>
        <dd>
          {decimal(order.filled)} of {decimal(order.quantity)} {name.base}
        </dd>
        <dt>Strategy</dt>
        <dd>{order.strategy}</dd>
        <dt>Instrument</dt>
        <dd>{order.instrument}</dd>
        <dt>Kind</dt>
        <dd>
          {word(order.kind)} · {word(order.tif)}
        </dd>
        <dt>Created</dt>
        <dd title={local(order.created)}>
          {day(order.created)} {clock(order.created, 3)} UTC
        </dd>
        <dt>Ids</dt>
        <dd>
          <Copied text={order.id} /> <Copied text={order.client_id} />
        </dd>
      </dl>
      {steps.length === 0 && <Note>The journal has no step of this order.</Note>}
      <p className="muted scale">Time since what woke the strategy; UTC on hover.</p>
      <ol className="steps">
        {steps.map((step, index) => (
          <li key={index} data-what={step.what}>
            <time title={`${day(step.at)} ${microClock(BigInt(step.at_ns))} UTC`}>{sinceWoken(step, first)}</time>
            <div>
              <p>{step.text}</p>
              <Details details={step.details} />
            </div>
          </li>
        ))}
      </ol>
    </div>
  );
}

/** Since the strategy was woken, by the trader's own count where it has one. */
function sinceWoken(step: Step, first: bigint): string {
  return span(step.us === null ? BigInt(step.at_ns) - first : BigInt(Math.round(step.us * 1000)));
}

type Row = Record<string, unknown>;

function isRows(value: unknown): value is Row[] {
  return Array.isArray(value) && value.length > 0 && value.every((row) => typeof row === "object" && row !== null);
}

/** Checks of risk, postings: as they are, in columns. */
function Rows({ name, rows }: { name: string; rows: Row[] }) {
  const heads = Object.keys(rows[0]!);
  const isNumber = (head: string): boolean => rows.every((row) => /^-?\d+(\.\d+)?$/.test(String(row[head])));
  return (
    <div className="scroll">
      <table className="rows details">
        <caption className="unseen">{title(name)}</caption>
        <thead>
          <tr>
            {heads.map((head) => (
              <th key={head} scope="col" className={isNumber(head) ? "number" : undefined}>
                {title(head)}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row, index) => (
            <tr key={index}>
              {heads.map((head) => (
                <td key={head} className={isNumber(head) ? "number" : undefined}>
                  {row[head] === null ? "–" : readable(head, String(row[head]))}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

/** Whatever the journal has to add; each line a name and a value. */
function Details({ details }: { details: Record<string, unknown> }) {
  const entries = Object.entries(details);
  const lines = entries.filter(([, value]) => !isRows(value)).flatMap(([name, value]) => flat(name, value));
  return (
    <>
      {lines.length > 0 && (
        <dl className="pairs small">
          {lines.map(([name, value]) => (
            <div key={name}>
              <dt>{title(name)}</dt>
              <dd>{value}</dd>
            </div>
          ))}
        </dl>
      )}
      {entries.map(([name, value]) => isRows(value) && <Rows key={name} name={name} rows={value} />)}
    </>
  );
}

function readable(name: string, text: string): string {
  if (name === "share") return `${percent(Number(text), 1)} %`;
  if (/^\d{19}$/.test(text) && !/order|id/.test(name)) return `${microClock(BigInt(text))} UTC`;
  if (/^-?\d+(\.\d+)?$/.test(text)) return /(^|_| )(id|seq|order|record|epoch)$/.test(name) ? text : decimal(text);
  return /^[a-z]+(_[a-z]+)+$/.test(text) ? word(text) : text;
}

function flat(name: string, value: unknown): [string, string][] {
  if (value === null || value === undefined || value === "") return [];
  if (Array.isArray(value)) return value.flatMap((each, index) => flat(`${name} ${index + 1}`, each));
  if (typeof value === "object") {
    return Object.entries(value).flatMap(([inner, each]) => flat(`${name} ${inner}`, each));
  }
  if (typeof value === "boolean") return [[name, value ? "yes" : "no"]];
  return [[name, readable(name, String(value))]];
}
