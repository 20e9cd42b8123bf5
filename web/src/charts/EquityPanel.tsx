import { useEffect, useRef } from "react";

import { live, useGeneration, useLive } from "../api/live.ts";
import { decimal } from "../format/decimal.ts";
import { Amount } from "../panels/Amount.tsx";
import { useAsked } from "../panels/asked.ts";
import { Note, Panel } from "../panels/Panel.tsx";
import { EquityChart } from "./EquityChart.ts";

export function EquityPanel() {
  const equity = useLive((state) => state.equity);
  return (
    <Panel
      name="Equity and drawdown"
      className="equity"
      meta={
        equity && (
          <>
            today <Amount value={equity.day_pnl} decimals={2} /> {equity.currency} · peak{" "}
            {decimal(equity.peak, { decimals: 2 })}
          </>
        )
      }
    >
      <Chart />
    </Panel>
  );
}

function Chart() {
  const box = useRef<HTMLDivElement>(null);
  const chart = useRef<EquityChart | null>(null);
  const generation = useGeneration();
  const samples = useAsked("/api/equity", { limit: 2_000 }, generation);
  useEffect(() => {
    const made = new EquityChart(box.current!);
    chart.current = made;
    const unhear = live.onSeries({ equity: (added) => added.forEach((sample) => made.add(sample)) });
    return () => {
      unhear();
      made.remove();
      chart.current = null;
    };
  }, []);
  useEffect(() => {
    if (samples.body) chart.current?.setSamples(samples.body.samples);
  }, [samples.body]);
  return (
    <>
      <div ref={box} className="chart" role="img" aria-label="Equity over time, drawdown below it" />
      {samples.problem && (
        <div className="over">
          <Note problem={samples.problem} onRetry={samples.again} />
        </div>
      )}
      {samples.body?.samples.length === 0 && (
        <div className="over">
          <Note>No sample yet. The trader writes one each second.</Note>
        </div>
      )}
    </>
  );
}
