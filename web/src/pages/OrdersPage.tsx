import { useMemo, useState } from "react";

import { useGeneration, useLive } from "../api/live.ts";
import { clock } from "../format/time.ts";
import { instrumentName } from "../format/names.ts";
import { useAsked } from "../panels/asked.ts";
import { OpenOrders, orderColumns } from "../panels/Orders.tsx";
import { Note, Panel } from "../panels/Panel.tsx";
import { useScales } from "../panels/scale.ts";
import { save, Table } from "../panels/Table.tsx";
import { matches } from "./search.ts";

const figure = (value: number): string => value.toLocaleString("en-US");

function told(shown: number, total: number, placed: number, at: number): string {
  return `newest ${figure(shown)} of ${figure(total)}; ${figure(placed)} this session; as of ${clock(at)}`;
}

/** Open orders live; all orders as they were when asked for. */
export function OrdersPage() {
  const open = useLive((state) => state.orders.length);
  const placed = useLive((state) => state.counts.orders);
  const generation = useGeneration();
  const all = useAsked("/api/orders", { scope: "all", limit: 2_000 }, generation);
  const scales = useScales();
  const columns = useMemo(() => orderColumns(scales, "all"), [scales]);
  const [sought, setSought] = useState("");
  const rows = useMemo(
    () =>
      (all.body?.orders ?? []).filter((order) =>
        matches(sought, [
          order.id,
          order.client_id,
          order.strategy,
          instrumentName(order.instrument).pair,
          order.side,
          order.state,
        ]),
      ),
    [all.body, sought],
  );
  return (
    <div className="page">
      <Panel name="Open orders" meta={open === null ? "" : String(open)}>
        <OpenOrders whole />
      </Panel>
      <Panel
        name="All orders"
        className="grows"
        meta={all.body && told(rows.length, all.body.total, placed ?? 0, all.at)}
        tools={
          <>
            <input
              type="search"
              aria-label="Filter orders"
              placeholder="Filter"
              value={sought}
              onChange={(event) => setSought(event.target.value)}
            />
            <button type="button" onClick={all.again}>
              Refresh
            </button>
            <button
              type="button"
              className="wide"
              disabled={rows.length === 0}
              onClick={() => save("orders.csv", columns, rows)}
            >
              Save as CSV
            </button>
          </>
        }
      >
        {all.problem ? (
          <Note problem={all.problem} onRetry={all.again} />
        ) : !all.body ? (
          <Note>Loading …</Note>
        ) : rows.length === 0 ? (
          <Note>{sought ? `No order has “${sought}” in it.` : "No orders yet. A running strategy places them."}</Note>
        ) : (
          <Table caption="All orders" columns={columns} rows={rows} id={(order) => order.id} sortable />
        )}
      </Panel>
    </div>
  );
}
