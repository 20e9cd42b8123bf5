/** Each strategy with all that is its own: state, position, limits, last fills. */

import { useMemo } from "react";

import { useLive } from "../api/live.ts";
import type { Fill, Position, RiskUse, Strategy } from "../api/types.ts";
import { decimal } from "../format/decimal.ts";
import { Amount } from "../panels/Amount.tsx";
import { fillColumns } from "../panels/Fills.tsx";
import { Pairs } from "../panels/Health.tsx";
import { Note, Panel } from "../panels/Panel.tsx";
import { RiskBars } from "../panels/Risk.tsx";
import { useScales } from "../panels/scale.ts";
import { Strategies, StrategyLine } from "../panels/Strategies.tsx";
import { Table } from "../panels/Table.tsx";

const NO_FILLS: Fill[] = [];

export function StrategiesPage() {
  const strategies = useLive((state) => state.strategies);
  if (!strategies?.length) {
    return (
      <div className="page">
        <Panel name="Strategies">
          <Strategies />
        </Panel>
      </div>
    );
  }
  return (
    <div className="page strategies-page">
      {strategies.map((strategy) => (
        <One key={strategy.name} strategy={strategy} />
      ))}
    </div>
  );
}

function One({ strategy }: { strategy: Strategy }) {
  const positions = useLive((state) => state.positions);
  const risk = useLive((state) => state.risk);
  const fills = useLive((state) => state.fills) ?? NO_FILLS;
  const scales = useScales();
  const columns = useMemo(() => fillColumns(scales, "last"), [scales]);
  const own = useMemo(() => fills.filter((fill) => fill.strategy === strategy.name), [fills, strategy.name]);
  const position = positions?.find((each) => each.strategy === strategy.name);
  return (
    <Panel name={strategy.name}>
      <ul className="strategies">
        <StrategyLine strategy={strategy} named={false} />
      </ul>
      {position ? <Held position={position} /> : <Note>No position. It appears with the first fill.</Note>}
      <Limits uses={risk?.filter((use) => use.strategy === strategy.name) ?? []} />
      <h3>Last fills</h3>
      {own.length ? (
        <Table caption={`Last fills of ${strategy.name}`} columns={columns} rows={own} id={(fill) => fill.id} />
      ) : (
        <Note>No fills yet.</Note>
      )}
    </Panel>
  );
}

function Held({ position }: { position: Position }) {
  const scale = useScales()(position.instrument);
  return (
    <Pairs
      pairs={[
        ["Position", <Amount value={position.quantity} decimals={scale.quantity} />],
        ["Average price", decimal(position.average, { decimals: scale.price })],
        ["Mark", decimal(position.mark, { decimals: scale.price })],
        ["Unrealised", <Amount value={position.unrealised} decimals={4} />],
        ["Realised", <Amount value={position.realised} decimals={4} />],
        ["Fees", decimal(position.fees, { decimals: 4 })],
      ]}
    />
  );
}

function Limits({ uses }: { uses: RiskUse[] }) {
  return (
    <>
      <h3>Risk</h3>
      {uses.length ? (
        <RiskBars uses={uses} />
      ) : (
        <Note>
          No limits are set. <code>limits</code> in kedge.toml sets them.
        </Note>
      )}
    </>
  );
}
