import { useLive } from "../api/live.ts";
import { decimal } from "../format/decimal.ts";
import { Feeds, Pairs, Processes, Reconciled, TickToOrder } from "../panels/Health.tsx";
import { Note, Panel } from "../panels/Panel.tsx";

export function HealthPage() {
  return (
    <div className="page">
      <Panel name="Feeds">
        <Feeds whole />
      </Panel>
      <div className="columns">
        <div className="page-column">
          <Panel name="Reconciliation">
            <Reconciled whole />
          </Panel>
          <Panel name="Processes">
            <Processes />
          </Panel>
          <Panel name="Tick to order">
            <TickToOrder />
          </Panel>
        </div>
        <div className="page-column">
          <Panel name="Session">
            <Session />
          </Panel>
          <Panel name="Balances">
            <Balances />
          </Panel>
        </div>
      </div>
    </div>
  );
}

function Session() {
  const counts = useLive((state) => state.counts);
  const epoch = useLive((state) => state.epoch);
  const clocks = useLive((state) => state.clock);
  if (!counts) return <Note>Waiting for the first state …</Note>;
  const clean = Number(counts.ledger_imbalance) === 0;
  return (
    <Pairs
      pairs={[
        ["Session of the trader", epoch],
        ["Market events", counts.events.toLocaleString("en-US")],
        ["Orders", counts.orders.toLocaleString("en-US")],
        ["Fills", counts.fills.toLocaleString("en-US")],
        ["Orders of unknown fate", <span className={counts.unknown_orders ? "bad" : ""}>{counts.unknown_orders}</span>],
        ["Ledger imbalance", <span className={clean ? "" : "bad"}>{decimal(counts.ledger_imbalance)}</span>],
        ...(clocks ?? []).map(({ venue, offset_ms, bound_ms }): [string, string] => [
          `Clock of ${venue}`,
          measured(offset_ms, bound_ms),
        ]),
      ]}
    />
  );
}

function measured(offset: number | null, bound: number | null): string {
  if (offset === null) return "not measured";
  return `${decimal(offset.toFixed(2), { signed: true })}${bound === null ? "" : ` ± ${bound.toFixed(2)}`} ms`;
}

function Balances() {
  const balances = useLive((state) => state.balances);
  if (!balances) return <Note>Waiting for the first state …</Note>;
  const held = Object.entries(balances);
  if (held.length === 0) return <Note>No balances known yet.</Note>;
  return <Pairs pairs={held.map(([currency, amount]) => [currency, decimal(amount, { decimals: 8 })])} />;
}
