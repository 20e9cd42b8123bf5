/** Rows and columns: numbers to the right, one height, sorted by a click. Long ones draw what is in sight. */

import { useMemo, useState, type ReactNode, type UIEvent } from "react";

export type Column<Row> = {
  /** What the head says; also the key. */
  name: string;
  unit?: string;
  cell: (row: Row) => ReactNode;
  /** Right-aligned, with tabular figures. */
  number?: boolean;
  /** Only where there is room for it. */
  wide?: boolean;
  /** What it is sorted by, and what an export writes. */
  value?: (row: Row) => string | number | null;
  /** A head that only a screen reader needs. */
  hiddenName?: boolean;
};

type Props<Row> = {
  caption: string;
  columns: Column<Row>[];
  rows: Row[];
  id: (row: Row) => string;
  sortable?: boolean;
  muted?: (row: Row) => boolean;
};

const ROW_PX = 24; // as --row in the style sheet

const DRAWN_AROUND = 40;
const WHOLE_UP_TO = 200;

type Order = { name: string; down: boolean };

export function Table<Row>({ caption, columns, rows, id, sortable = false, muted }: Props<Row>) {
  const [order, setOrder] = useState<Order | null>(null);
  const [top, setTop] = useState(0);
  const sorted = useMemo(() => inOrder(rows, columns, order), [rows, columns, order]);
  const whole = sorted.length <= WHOLE_UP_TO;
  const first = whole ? 0 : Math.max(0, Math.floor(top / ROW_PX) - DRAWN_AROUND);
  const last = whole ? sorted.length : Math.min(sorted.length, first + 60 + 2 * DRAWN_AROUND);

  return (
    <div
      className="scroll"
      tabIndex={whole ? undefined : 0}
      onScroll={whole ? undefined : (event: UIEvent) => setTop(event.currentTarget.scrollTop)}
    >
      <table className="rows">
        <caption className="unseen">{caption}</caption>
        <thead>
          <tr>
            {columns.map((column) => (
              <th key={column.name} scope="col" className={classes(column)} aria-sort={direction(column, order)}>
                {sortable && column.value ? (
                  <button type="button" onClick={() => setOrder(next(order, column.name))}>
                    <Head column={column} />
                    <span aria-hidden="true" className="arrow">
                      {order?.name === column.name ? (order.down ? "↓" : "↑") : ""}
                    </span>
                  </button>
                ) : (
                  <Head column={column} />
                )}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {first > 0 && <tr style={{ height: first * ROW_PX }} aria-hidden="true" />}
          {sorted.slice(first, last).map((row) => (
            <tr key={id(row)} className={muted?.(row) ? "muted" : undefined}>
              {columns.map((column) => (
                <td key={column.name} className={classes(column)}>
                  {column.cell(row)}
                </td>
              ))}
            </tr>
          ))}
          {last < sorted.length && <tr style={{ height: (sorted.length - last) * ROW_PX }} aria-hidden="true" />}
        </tbody>
      </table>
    </div>
  );
}

function Head<Row>({ column }: { column: Column<Row> }) {
  return (
    <span className={column.hiddenName ? "unseen" : undefined}>
      {column.name} {column.unit && <span className="unit">{column.unit}</span>}
    </span>
  );
}

function classes<Row>(column: Column<Row>): string | undefined {
  return [column.number && "number", column.wide && "wide"].filter(Boolean).join(" ") || undefined;
}

function direction<Row>(column: Column<Row>, order: Order | null): "ascending" | "descending" | undefined {
  if (order?.name !== column.name) return undefined;
  return order.down ? "descending" : "ascending";
}

/** Falling, rising, as it came. */
function next(order: Order | null, name: string): Order | null {
  if (order?.name !== name) return { name, down: true };
  return order.down ? { name, down: false } : null;
}

function inOrder<Row>(rows: Row[], columns: Column<Row>[], order: Order | null): Row[] {
  const value = columns.find((column) => column.name === order?.name)?.value;
  if (!order || !value) return rows;
  const sign = order.down ? -1 : 1;
  return [...rows].sort((a, b) => sign * compared(value(a), value(b)));
}

function compared(a: string | number | null, b: string | number | null): number {
  if (a === null || b === null) return a === b ? 0 : a === null ? -1 : 1;
  return typeof a === "number" && typeof b === "number" ? a - b : String(a).localeCompare(String(b));
}

/** The rows as a file of comma-separated values, saved by the browser. */
export function save<Row>(file: string, columns: Column<Row>[], rows: Row[]): void {
  const kept = columns.filter((column) => column.value);
  const quoted = (value: string | number | null): string => {
    const text = value === null ? "" : String(value);
    return /[",\n]/.test(text) ? `"${text.replace(/"/g, '""')}"` : text;
  };
  const lines = [
    kept.map((column) => quoted(column.unit ? `${column.name} (${column.unit})` : column.name)),
    ...rows.map((row) => kept.map((column) => quoted(column.value!(row)))),
  ];
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([lines.map((line) => line.join(",")).join("\n")], { type: "text/csv" }));
  link.download = file;
  link.click();
  URL.revokeObjectURL(link.href);
}
