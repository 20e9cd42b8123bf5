import { useEffect, useMemo, useRef } from "react";

import { choose, INTERVALS, useChoice, type Interval } from "../app/choices.ts";
import { live, useGeneration, useLive } from "../api/live.ts";
import type { Fill, Order } from "../api/types.ts";
import { instrumentName, word } from "../format/names.ts";
import { decimal, decimalsOf } from "../format/decimal.ts";
import { useAsked } from "../panels/asked.ts";
import { Note, Panel } from "../panels/Panel.tsx";
import { useInstrumentIds } from "../panels/scale.ts";
import { CandleChart } from "./CandleChart.ts";

const SECONDS: Record<Interval, number> = { "1s": 1, "5s": 5, "1m": 60, "5m": 300 };
const NO_FILLS: Fill[] = [];
const NO_ORDERS: Order[] = [];

export function CandlePanel({ instrument }: { instrument: string }) {
  const interval = useChoice((choices) => choices.interval);
  const about = useLive((state) => state.instruments.find(({ id }) => id === instrument) ?? null);
  return (
    <Panel
      name="Candles"
      className="candles"
      meta={
        about && (
          <>
            <b className="last">{decimal(about.last, { decimals: decimalsOf(about.tick) })}</b>{" "}
            {instrumentName(instrument).quote}
            {about.state !== "in_sync" && <b className="warn"> ▲ {word(about.state)}</b>}
          </>
        )
      }
      tools={<Tools instrument={instrument} interval={interval} />}
    >
      {about ? (
        <Chart key={`${instrument} ${interval}`} instrument={instrument} interval={interval} tick={about.tick} />
      ) : (
        <Note>Waiting for the first state …</Note>
      )}
    </Panel>
  );
}

function Tools({ instrument, interval }: { instrument: string; interval: Interval }) {
  const ids = useInstrumentIds();
  return (
    <>
      <span className="choice" role="group" aria-label="Instrument">
        {ids.map((id) => {
          const name = instrumentName(id);
          return (
            <button key={id} type="button" aria-pressed={id === instrument} onClick={() => choose({ instrument: id })}>
              {name.base} {name.kind}
            </button>
          );
        })}
      </span>
      <span className="choice" role="group" aria-label="Interval">
        {INTERVALS.map((each) => (
          <button key={each} type="button" aria-pressed={each === interval} onClick={() => choose({ interval: each })}>
            {each}
          </button>
        ))}
      </span>
    </>
  );
}

function Chart({ instrument, interval, tick }: { instrument: string; interval: Interval; tick: string }) {
  const box = useRef<HTMLDivElement>(null);
  const chart = useRef<CandleChart | null>(null);
  const generation = useGeneration();
  const candles = useAsked("/api/candles", { instrument, interval, limit: 1_000 }, generation);
  const older = useAsked("/api/fills", { instrument, limit: 1_000 }, generation);
  const orders = useLive((state) => state.orders) ?? NO_ORDERS;
  const recent = useLive((state) => state.fills) ?? NO_FILLS;
  const fills = useMemo(
    () => joined(recent, older.body?.fills ?? NO_FILLS, instrument),
    [recent, older.body, instrument],
  );

  useEffect(() => {
    const made = new CandleChart(box.current!, {
      tick,
      intervalSeconds: SECONDS[interval],
      onFill: (order) => choose({ explained: order }),
    });
    chart.current = made;
    const unhear = live.onSeries({
      candles: (changes) => {
        for (const change of changes) {
          if (change.instrument === instrument && change.interval === interval) made.update(change);
        }
      },
    });
    return () => {
      unhear();
      made.remove();
      chart.current = null;
    };
  }, [instrument, interval, tick]);
  useEffect(() => {
    if (candles.body) chart.current?.setCandles(candles.body.candles);
  }, [candles.body]);
  useEffect(() => chart.current?.setFills(fills), [fills, candles.body]);
  useEffect(() => {
    chart.current?.setOrders(orders.filter((order) => order.instrument === instrument));
  }, [orders, instrument]);

  return (
    <>
      <div
        ref={box}
        className="chart"
        role="img"
        aria-label={`Candles of ${instrumentName(instrument).pair} with our fills; the table of fills has the same`}
        data-fills={fills.length}
      />
      {candles.problem && (
        <div className="over">
          <Note problem={candles.problem} onRetry={candles.again} />
        </div>
      )}
      {candles.body?.candles.length === 0 && (
        <div className="over">
          <Note>No trades of this instrument yet.</Note>
        </div>
      )}
    </>
  );
}

function joined(recent: Fill[], older: Fill[], instrument: string): Fill[] {
  const all = new Map([...recent, ...older].map((fill) => [fill.id, fill]));
  return [...all.values()].filter((fill) => fill.instrument === instrument);
}
