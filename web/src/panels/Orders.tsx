/** Orders as rows: open ones with their queue and a way to cancel, all ones with how they ended. */

import { useMemo, useState } from "react";

import { choose } from "../app/choices.ts";
import { post, Refused } from "../api/http.ts";
import { useLive } from "../api/live.ts";
import type { Order } from "../api/types.ts";
import { decimal } from "../format/decimal.ts";
import { word } from "../format/names.ts";
import { Copied } from "./Copied.tsx";
import { Market } from "./Market.tsx";
import { Moment } from "./Moment.tsx";
import { Note } from "./Panel.tsx";
import { useScales, type Scale } from "./scale.ts";
import { Side } from "./Side.tsx";
import { Table, type Column } from "./Table.tsx";

export function OpenOrders({ whole = false }: { whole?: boolean }) {
  const orders = useLive((state) => state.orders);
  const scales = useScales();
  const columns = useMemo(() => orderColumns(scales, whole ? "open" : "short"), [scales, whole]);
  const rows = useMemo(() => placed(orders ?? []), [orders]);
  if (orders === null) return <Note>Waiting for the first state …</Note>;
  if (orders.length === 0) return <Note>No open orders. A running strategy places them.</Note>;
  return <Table caption="Open orders" columns={columns} rows={rows} id={(order) => order.id} />;
}

/** By instrument and price, as in the book: a renewed quote stays in its row. */
function placed(orders: Order[]): Order[] {
  return [...orders].sort(
    (a, b) =>
      a.instrument.localeCompare(b.instrument) ||
      b.side.localeCompare(a.side) ||
      Number(b.price ?? 0) - Number(a.price ?? 0) ||
      a.id.localeCompare(b.id),
  );
}

/** `open`: with queue and cancel; `short`: the same where there is little room; `all`: with how it ended and why. */
export function orderColumns(scales: (instrument: string) => Scale, kind: "short" | "open" | "all"): Column<Order>[] {
  const price: Column<Order> = {
    name: "Price",
    number: true,
    value: (order) => (order.price === null ? null : Number(order.price)),
    cell: (order) =>
      order.price === null ? "market" : decimal(order.price, { decimals: scales(order.instrument).price }),
  };
  const quantity = (name: string, of: (order: Order) => string | null, wide = false): Column<Order> => ({
    name,
    wide,
    number: true,
    value: (order) => (of(order) === null ? null : Number(of(order))),
    cell: (order) => decimal(of(order), { decimals: scales(order.instrument).quantity }),
  });
  const state: Column<Order> = {
    name: "State",
    value: (order) => order.state,
    cell: (order) => (
      <span className={order.state === "unknown" ? "warn" : ""} title={order.reason || undefined}>
        {word(order.state)}
        {order.pending && ` · ${order.pending} asked`}
      </span>
    ),
  };
  const shared: Column<Order>[] = [
    {
      name: "Created",
      value: (order) => order.created,
      cell: (order) => <Moment at={order.created} decimals={kind === "short" ? 0 : 3} />,
      wide: true,
    },
    { name: "Instrument", value: (order) => order.instrument, cell: (order) => <Market id={order.instrument} /> },
    { name: "Side", value: (order) => order.side, cell: (order) => <Side side={order.side} /> },
    price,
    quantity("Quantity", (order) => order.quantity),
    quantity("Filled", (order) => order.filled, true),
  ];
  const acts: Column<Order> = {
    name: "Acts",
    hiddenName: true,
    number: true,
    cell: (order) => (
      <span className="acts">
        {kind === "short" && order.state === "unknown" && <b className="warn">unknown</b>}
        <ExplainButton id={order.id} />
        {kind !== "all" && <CancelButton order={order} />}
      </span>
    ),
  };
  const strategy: Column<Order> = {
    name: "Strategy",
    value: (order) => order.strategy,
    cell: (order) => order.strategy,
    wide: true,
  };
  if (kind !== "all") {
    const open = [...shared, quantity("Ahead", (order) => order.queue_ahead)];
    return kind === "open" ? [...open, { ...state, wide: true }, strategy, acts] : [...open, acts];
  }
  return [
    ...shared,
    strategy,
    { name: "Kind", value: (order) => order.kind, cell: (order) => `${order.kind} · ${word(order.tif)}`, wide: true },
    state,
    { name: "Reason", value: (order) => order.reason, cell: (order) => word(order.reason), wide: true },
    { name: "Id", value: (order) => order.id, cell: (order) => <Copied text={order.id} />, wide: true },
    acts,
  ];
}

export function ExplainButton({ id }: { id: string }) {
  return (
    <button
      type="button"
      className="quiet act"
      title="Explain this order"
      aria-label="Explain this order"
      onClick={() => choose({ explained: id })}
    >
      Why
    </button>
  );
}

function CancelButton({ order }: { order: Order }) {
  const [asked, setAsked] = useState(false);
  const [problem, setProblem] = useState<Refused | null>(null);
  const cancel = async (): Promise<void> => {
    setAsked(true);
    setProblem(null);
    try {
      await post("/api/orders/{id}/cancel", { id: order.id });
    } catch (error) {
      setProblem(error instanceof Refused ? error : new Refused(0, String(error)));
      setAsked(false);
    }
  };
  const waiting = asked || order.pending === "cancel";
  return (
    <button
      type="button"
      className={problem ? "quiet act bad" : "quiet act"}
      disabled={waiting}
      title={problem ? `${problem.message} ${problem.hint}` : "Cancel this order"}
      aria-label={problem ? `Not cancelled: ${problem.message} Try again.` : "Cancel this order"}
      onClick={() => void cancel()}
    >
      {waiting ? "…" : problem ? "✕!" : "✕"}
    </button>
  );
}
