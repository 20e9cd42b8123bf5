import { useMemo } from "react";

import { useLive } from "../api/live.ts";
import type { Position } from "../api/types.ts";
import { decimal } from "../format/decimal.ts";
import { Amount } from "./Amount.tsx";
import { Market } from "./Market.tsx";
import { Note } from "./Panel.tsx";
import { useScales, type Scale } from "./scale.ts";
import { Table, type Column } from "./Table.tsx";

export function Positions({ whole = false }: { whole?: boolean }) {
  const positions = useLive((state) => state.positions);
  const scales = useScales();
  const columns = useMemo(() => columnsOf(scales, whole), [scales, whole]);
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

function columnsOf(scales: (instrument: string) => Scale, whole: boolean): Column<Position>[] {
  const price = (name: string, of: (position: Position) => string | null): Column<Position> => ({
    name,
    number: true,
    wide: name === "Mark",
    cell: (position) => decimal(of(position), { decimals: scales(position.instrument).price }),
  });
  const money = (name: string, of: (position: Position) => string | null): Column<Position> => ({
    name,
    number: true,
    cell: (position) => <Amount value={of(position)} decimals={2} />,
  });
  const columns: Column<Position>[] = [
    { name: "Instrument", cell: (position) => <Market id={position.instrument} /> },
    {
      name: "Quantity",
      number: true,
      cell: (position) => <Amount value={position.quantity} decimals={scales(position.instrument).quantity} />,
    },
    price("Average", (position) => position.average),
  ];
  if (whole) columns.push(price("Mark", (position) => position.mark));
  columns.push(money("Unrealised", (position) => position.unrealised));
  if (whole) {
    columns.push(money("Realised", (position) => position.realised));
    columns.push({ name: "Fees", number: true, wide: true, cell: (position) => decimal(position.fees, { decimals: 4 }) });
    columns.push({ name: "Strategy", wide: true, cell: (position) => position.strategy });
  }
  return columns;
}
