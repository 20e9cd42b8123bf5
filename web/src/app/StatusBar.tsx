/** The bar that never scrolls: what is traded, what it is worth, whether it is healthy, and Halt. */

import type { ReactNode } from "react";

import { post } from "../api/http.ts";
import { useLink, useLive } from "../api/live.ts";
import { decimal, percent } from "../format/decimal.ts";
import { instrumentName, word } from "../format/names.ts";
import { age, clock, local } from "../format/time.ts";
import { Amount } from "../panels/Amount.tsx";
import { choose, useChoice } from "./choices.ts";
import { useNow, useStaleness } from "./staleness.ts";

export function StatusBar({ onLeave }: { onLeave: () => void }) {
  const mode = useLive((state) => state.mode);
  const account = useLive((state) => state.account);
  const epoch = useLive((state) => state.epoch);
  return (
    <header className="bar">
      <div className="who">
        <img src="/icon.svg" alt="Kedge" width="18" height="18" />
        <b className="mode">{(mode ?? "…").toUpperCase()}</b>
        <span className="account" title={`Account ${account ?? ""}, session ${epoch ?? ""} of the trader`}>
          {account}
        </span>
      </div>
      <Worth />
      <Connection />
      <Clock />
      <Menu onLeave={onLeave} />
      <HaltButton />
    </header>
  );
}

function Fact({
  name,
  unit,
  children,
  className,
}: {
  name: string;
  unit?: string;
  children: ReactNode;
  className?: string;
}) {
  return (
    <div className={`fact ${className ?? ""}`}>
      <dt>
        {name} {unit && <span className="unit">{unit}</span>}
      </dt>
      <dd>{children}</dd>
    </div>
  );
}

function Worth() {
  const equity = useLive((state) => state.equity);
  const start = Number(equity?.start);
  const share = equity?.pnl != null && start ? Number(equity.pnl) / start : null;
  return (
    <dl className="facts worth">
      <Fact name="Equity" unit="USDT" className="equity">
        {decimal(equity?.now, { decimals: 2 })}
      </Fact>
      <Fact name="PnL" unit="USDT">
        <Amount value={equity?.pnl} decimals={2} />
        <small>{share === null ? "" : `${percent(share, 2, true)} %`}</small>
      </Fact>
      <Fact name="Drawdown" unit="%" className="drawdown">
        {percent(equity?.drawdown, 2)}
      </Fact>
    </dl>
  );
}

function Connection() {
  const feeds = useLive((state) => state.feeds) ?? [];
  const link = useLink();
  const stale = useStaleness();
  const now = useNow(500);
  return (
    <dl className="facts feeds">
      <Fact name="Connection" className="link">
        {stale ? (
          <span className="warn">
            <i className="dot hollow" /> {stale.short} {age(now - stale.since)}
          </span>
        ) : (
          <span>
            <i className="dot" data-state={link.kind === "live" ? "good" : "wait"} />{" "}
            {link.kind === "live" ? "live" : "connecting"}
          </span>
        )}
      </Fact>
      {feeds.map((feed) => (
        <Fact key={feed.instrument} name={shortMarket(feed.instrument)} className="feed">
          <span className={feed.state === "in_sync" ? "" : "warn"}>
            <i className={feed.state === "in_sync" ? "dot" : "dot hollow"} data-state="good" /> {word(feed.state)}
          </span>
        </Fact>
      ))}
    </dl>
  );
}

function shortMarket(id: string): string {
  const name = instrumentName(id);
  return `${name.base} ${name.kind}`.trim();
}

function Clock() {
  const clocks = useLive((state) => state.clock) ?? [];
  const now = useNow(250);
  const worst = [...clocks].sort((a, b) => Math.abs(b.offset_ms ?? 0) - Math.abs(a.offset_ms ?? 0))[0];
  return (
    <dl className="facts clock">
      <Fact name="UTC">
        <time title={local(now)}>{clock(now)}</time>
      </Fact>
      <Fact name="Venue clock" unit="ms" className="offset">
        <span title="The venue's clock less ours, and how far that may be wrong">
          {worst?.offset_ms == null ? "–" : decimal(worst.offset_ms.toFixed(1), { signed: true })}
          {worst?.bound_ms != null && <small>±{worst.bound_ms.toFixed(1)}</small>}
        </span>
      </Fact>
    </dl>
  );
}

function Menu({ onLeave }: { onLeave: () => void }) {
  const theme = useChoice((choices) => choices.theme);
  const next = theme === "system" ? "light" : theme === "light" ? "dark" : "system";
  const signs = { system: "◐", light: "○", dark: "●" };
  return (
    <div className="menu">
      <button
        type="button"
        className="quiet"
        title={`Theme: ${theme}. Click for ${next}.`}
        aria-label={`Theme: ${theme}. Change to ${next}.`}
        onClick={() => choose({ theme: next })}
      >
        {signs[theme]}
      </button>
      <button
        type="button"
        className="quiet"
        title="Find (Ctrl K)"
        aria-label="Find"
        onClick={() => choose({ palette: true })}
      >
        <svg viewBox="0 0 16 16" width="14" height="14" aria-hidden="true">
          <path d="M7 2.5a4.5 4.5 0 1 0 .1 0M10.5 10.5 14 14" fill="none" stroke="currentcolor" strokeWidth="1.6" />
        </svg>
      </button>
      <button
        type="button"
        className="quiet wide"
        onClick={() =>
          void post("/api/logout")
            .catch(() => undefined)
            .finally(onLeave)
        }
      >
        Sign out
      </button>
    </div>
  );
}

/** The only red thing on a quiet screen. */
function HaltButton() {
  const halted = useLive((state) => state.halted);
  return halted ? (
    <button type="button" className="halt resume" onClick={() => choose({ asked: { kind: "resume" } })}>
      Resume
    </button>
  ) : (
    <button type="button" className="halt" onClick={() => choose({ asked: { kind: "halt" } })}>
      Halt
    </button>
  );
}
