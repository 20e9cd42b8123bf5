import { useMemo } from "react";

import { useLive } from "../api/live.ts";
import type { Position } from "../api/types.ts";
import { decimal } from "../format/decimal.ts";
import { Amount } from "./Amount.tsx";
import { Market } from "./Market.tsx";
import { Note } from "./Panel.tsx";
import { useScales, type Scale } from "./scale.ts";
import { Table, type Column } from "./Table.tsx";

export function Positions() {
  const positions = useLive((state) => state.positions);
  const scales = useScales();
  const columns = useMemo(() => columnsOf(scales), [scales]);
  if (positions === null) return <Note>Waiting for the first state …</Note>;
  if (positions.length === 0) return <Note>No positions. They appear with the first fill.</Note>;
  return (
    <Table
      caption="Positions"
      columns={columns}
      rows={positions}
      id={(position) => `${position.strategy} ${position.instrument}`}
    />
  );
}

function columnsOf(scales: (instrument: string) => Scale): Column<Position>[] {
  return [
    { name: "Instrument", cell: (position) => <Market id={position.instrument} /> },
    {
      name: "Quantity",
      number: true,
      cell: (position) => <Amount value={position.quantity} decimals={scales(position.instrument).quantity} />,
    },
    {
      name: "Average",
      number: true,
      cell: (position) => decimal(position.average, { decimals: scales(position.instrument).price }),
    },
    { name: "Unrealised", number: true, cell: (position) => <Amount value={position.unrealised} decimals={2} /> },
  ];
}
