import { useState } from "react";

import { choose } from "../app/choices.ts";
import { post, Refused } from "../api/http.ts";
import { useLive } from "../api/live.ts";
import type { Strategy } from "../api/types.ts";
import { decimal } from "../format/decimal.ts";
import { count, word } from "../format/names.ts";
import { Amount } from "./Amount.tsx";
import { Market } from "./Market.tsx";
import { Note } from "./Panel.tsx";

export function Strategies() {
  const strategies = useLive((state) => state.strategies);
  if (strategies === null) return <Note>Waiting for the first state …</Note>;
  if (strategies.length === 0)
    return (
      <Note>
        No strategies. <code>[[strategy]]</code> in kedge.toml names one.
      </Note>
    );
  return (
    <ul className="strategies">
      {strategies.map((strategy) => (
        <StrategyLine key={strategy.name} strategy={strategy} />
      ))}
    </ul>
  );
}

const SIGNS: Record<Strategy["state"], string> = { running: "●", stopped: "■", failed: "▲" };
const TONES: Record<Strategy["state"], string> = { running: "good", stopped: "muted", failed: "bad" };

/** State, money, and the button that stops or starts it. */
export function StrategyLine({ strategy, named = true }: { strategy: Strategy; named?: boolean }) {
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<Refused | null>(null);
  const start = async (): Promise<void> => {
    setBusy(true);
    setProblem(null);
    try {
      await post("/api/strategies/{name}/start", { name: strategy.name });
    } catch (error) {
      setProblem(error instanceof Refused ? error : new Refused(0, String(error)));
    }
    setBusy(false);
  };
  return (
    <li>
      <div className="first">
        <span className={`state ${TONES[strategy.state]}`}>
          <i aria-hidden="true">{SIGNS[strategy.state]}</i> {word(strategy.state)}
        </span>
        {named && <b>{strategy.name}</b>}
        {strategy.state === "running" ? (
          <button type="button" onClick={() => choose({ asked: { kind: "stop", strategy: strategy.name } })}>
            Stop
          </button>
        ) : (
          <button type="button" disabled={busy} onClick={() => void start()}>
            {busy ? "Starting …" : "Start"}
          </button>
        )}
      </div>
      <div className="second">
        <Market id={strategy.instrument} />
        <span className="number">
          <span className="muted">PnL</span> <Amount value={strategy.pnl} decimals={2} />
        </span>
        <span className="number wide">
          <span className="muted">fees</span> {decimal(strategy.fees, { decimals: 2 })}
        </span>
        <span className="muted wide">
          {count(strategy.orders, "order")}
          {strategy.refusals > 0 && ` · ${strategy.refusals} refused`}
        </span>
      </div>
      {strategy.error && <p className="bad error">{strategy.error}</p>}
      {problem && (
        <p className="bad error" role="alert">
          Not started: {problem.message} {problem.hint}
        </p>
      )}
    </li>
  );
}
