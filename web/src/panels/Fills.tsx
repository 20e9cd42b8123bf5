import { useMemo } from "react";

import { useLive } from "../api/live.ts";
import type { Fill } from "../api/types.ts";
import { decimal } from "../format/decimal.ts";
import { Amount } from "./Amount.tsx";
import { Market } from "./Market.tsx";
import { Moment } from "./Moment.tsx";
import { ExplainButton } from "./Orders.tsx";
import { Note } from "./Panel.tsx";
import { useScales, type Scale } from "./scale.ts";
import { Side } from "./Side.tsx";
import { Table, type Column } from "./Table.tsx";

const SHOWN = 60;

export function LastFills() {
  const fills = useLive((state) => state.fills);
  const scales = useScales();
  const columns = useMemo(() => fillColumns(scales, "last"), [scales]);
  const shown = useMemo(() => fills?.slice(0, SHOWN) ?? [], [fills]);
  if (fills === null) return <Note>Waiting for the first state …</Note>;
  if (fills.length === 0) return <Note>No fills yet. They appear here when the venue reports them.</Note>;
  return <Table caption="Last fills" columns={columns} rows={shown} id={(fill) => fill.id} />;
}

export function fillColumns(scales: (instrument: string) => Scale, kind: "last" | "all"): Column<Fill>[] {
  const all = kind === "all";
  const columns: Column<Fill>[] = [
    {
      name: "At",
      value: (fill) => fill.at,
      cell: (fill) => <Moment at={fill.at} whole={all} />,
    },
    { name: "Instrument", value: (fill) => fill.instrument, cell: (fill) => <Market id={fill.instrument} /> },
    { name: "Side", value: (fill) => fill.side, cell: (fill) => <Side side={fill.side} /> },
    {
      name: "Price",
      number: true,
      value: (fill) => Number(fill.price),
      cell: (fill) => decimal(fill.price, { decimals: scales(fill.instrument).price }),
    },
    {
      name: "Quantity",
      number: true,
      value: (fill) => Number(fill.quantity),
      cell: (fill) => decimal(fill.quantity, { decimals: scales(fill.instrument).quantity }),
    },
    { name: "Role", value: (fill) => fill.liquidity, cell: (fill) => fill.liquidity, wide: true },
    {
      name: "Realised",
      number: true,
      wide: true,
      value: (fill) => Number(fill.realised),
      cell: (fill) => <Amount value={fill.realised} decimals={4} />,
    },
  ];
  if (all) {
    columns.push(
      {
        name: "Fee",
        number: true,
        wide: true,
        value: (fill) => Number(fill.fee),
        cell: (fill) => (
          <>
            {decimal(fill.fee, { decimals: 8 })} <span className="unit">{fill.fee_currency}</span>
          </>
        ),
      },
      { name: "Strategy", value: (fill) => fill.strategy, cell: (fill) => fill.strategy, wide: true },
    );
  }
  columns.push({ name: "Acts", hiddenName: true, number: true, cell: (fill) => <ExplainButton id={fill.order} /> });
  return columns;
}
