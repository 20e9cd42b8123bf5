import { useLive } from "../api/live.ts";
import type { RiskUse } from "../api/types.ts";
import { decimal } from "../format/decimal.ts";
import { title } from "../format/names.ts";
import { Note } from "./Panel.tsx";

const NEAR = 0.8; // where a bar asks for attention; the limit itself is the trader's

export function Risk() {
  const uses = useLive((state) => state.risk);
  if (uses === null) return <Note>Waiting for the first state …</Note>;
  if (uses.length === 0)
    return (
      <Note>
        No limits are set. <code>limits</code> in kedge.toml sets them.
      </Note>
    );
  return <RiskBars uses={uses} named />;
}

/** `named`: with the strategy's name, where it is not said around them. */
export function RiskBars({ uses, named = false }: { uses: RiskUse[]; named?: boolean }) {
  return (
    <ul className="risk">
      {uses.map((use) => (
        <Bar key={`${use.strategy} ${use.limit}`} use={use} named={named} />
      ))}
    </ul>
  );
}

function Bar({ use, named }: { use: RiskUse; named: boolean }) {
  const share = use.share ?? null;
  const tone = share === null ? "" : share >= 1 ? "bad" : share >= NEAR ? "warn" : "";
  const small = Math.abs(Number(use.bound)) < 1;
  const figure = (value: string | null): string => decimal(value, { decimals: small ? 4 : 0 });
  return (
    <li>
      <span className="name">
        {title(use.limit)} {named && <span className="muted">{use.strategy}</span>}
      </span>
      <span className={`number ${tone}`}>
        {tone === "bad" ? "▲ " : ""}
        {use.bound === null ? decimal(use.used) : `${figure(use.used)} of ${figure(use.bound)}`}
      </span>
      <span
        className="track"
        role="meter"
        aria-label={`${title(use.limit)}, ${use.strategy}`}
        aria-valuenow={Math.round((share ?? 0) * 100)}
        aria-valuemin={0}
        aria-valuemax={100}
      >
        <i data-tone={tone} style={{ width: `${Math.min(100, (share ?? 0) * 100)}%` }} />
      </span>
    </li>
  );
}
