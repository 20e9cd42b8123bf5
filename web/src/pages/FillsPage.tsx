import { useMemo, useState } from "react";

import { useGeneration, useLive } from "../api/live.ts";
import type { Fill } from "../api/types.ts";
import { instrumentName } from "../format/names.ts";
import { useAsked } from "../panels/asked.ts";
import { fillColumns } from "../panels/Fills.tsx";
import { Note, Panel } from "../panels/Panel.tsx";
import { useScales } from "../panels/scale.ts";
import { save, Table } from "../panels/Table.tsx";
import { matches } from "./search.ts";

const NONE: Fill[] = [];

/** All fills: what the stream brought on top of what was asked for. */
export function FillsPage() {
  const recent = useLive((state) => state.fills) ?? NONE;
  const generation = useGeneration();
  const asked = useAsked("/api/fills", { limit: 5_000 }, generation);
  const scales = useScales();
  const columns = useMemo(() => fillColumns(scales, "all"), [scales]);
  const [sought, setSought] = useState("");
  const all = useMemo(
    () => [...new Map([...recent, ...(asked.body?.fills ?? NONE)].map((fill) => [fill.id, fill])).values()],
    [recent, asked.body],
  );
  const rows = useMemo(
    () =>
      all.filter((fill) =>
        matches(sought, [
          fill.id,
          fill.order,
          fill.strategy,
          instrumentName(fill.instrument).pair,
          fill.side,
          fill.liquidity,
        ]),
      ),
    [all, sought],
  );
  return (
    <div className="page">
      <Panel
        name="Fills"
        className="grows"
        meta={asked.body && `${rows.length.toLocaleString("en-US")} shown, newest first`}
        tools={
          <>
            <input
              type="search"
              aria-label="Filter fills"
              placeholder="Filter"
              value={sought}
              onChange={(event) => setSought(event.target.value)}
            />
            <button
              type="button"
              className="wide"
              disabled={rows.length === 0}
              onClick={() => save("fills.csv", columns, rows)}
            >
              Save as CSV
            </button>
          </>
        }
      >
        {asked.problem ? (
          <Note problem={asked.problem} onRetry={asked.again} />
        ) : !asked.body ? (
          <Note>Loading …</Note>
        ) : rows.length === 0 ? (
          <Note>
            {sought ? `No fill has “${sought}” in it.` : "No fills yet. They appear here when the venue reports them."}
          </Note>
        ) : (
          <Table caption="Fills" columns={columns} rows={rows} id={(fill) => fill.id} sortable />
        )}
      </Panel>
    </div>
  );
}
