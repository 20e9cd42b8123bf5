/** The desk: what the market does, what we have in it, and whether it is healthy. */

import { useChoice } from "../app/choices.ts";
import { useLive } from "../api/live.ts";
import { CandlePanel } from "../charts/CandlePanel.tsx";
import { EquityPanel } from "../charts/EquityPanel.tsx";
import { count } from "../format/names.ts";
import { LastFills } from "../panels/Fills.tsx";
import { Feeds, ProcessLine, Reconciled, TickToOrder } from "../panels/Health.tsx";
import { Ladder } from "../panels/Ladder.tsx";
import { OpenOrders } from "../panels/Orders.tsx";
import { Note, Panel } from "../panels/Panel.tsx";
import { Positions } from "../panels/Positions.tsx";
import { Risk } from "../panels/Risk.tsx";
import { useInstrumentIds } from "../panels/scale.ts";
import { Strategies } from "../panels/Strategies.tsx";

export default function Overview() {
  const chosen = useChoice((choices) => choices.instrument);
  const ids = useInstrumentIds();
  const trader = useLive((state) => state.trader);
  const orders = useLive((state) => state.orders.length);
  const fills = useLive((state) => state.counts.fills);
  const instrument = ids.find((id) => id === chosen) ?? ids[0];
  if (trader?.state === "none") {
    return (
      <div className="page">
        <Panel name="No session yet">
          <Note>
            {trader.message || "Nothing has traded here."} <code>kedge up</code> or <code>kedge trader</code> begins
            one.
          </Note>
        </Panel>
      </div>
    );
  }
  return (
    <div className="overview">
      <CandlePanel instrument={instrument ?? ""} />
      <Panel name="Book" className="book" meta={instrument && <span title={instrument}>12 levels</span>}>
        {instrument ? <Ladder instrument={instrument} /> : <Note>Waiting for the first state …</Note>}
      </Panel>
      <EquityPanel />
      <div className="trades">
        <Panel name="Open orders" className="orders-open" meta={orders === null ? "" : String(orders)}>
          <OpenOrders />
        </Panel>
        <Panel
          name="Last fills"
          className="grows fills-last"
          meta={fills === null ? "" : `${count(fills, "fill")} this session`}
        >
          <LastFills />
        </Panel>
      </div>
      <div className="side-stack">
        <Panel name="Strategies" className="strategies-all">
          <Strategies />
        </Panel>
        <Panel name="Positions" className="positions">
          <Positions />
        </Panel>
        <Panel name="Risk">
          <Risk />
        </Panel>
        <Panel name="Feeds">
          <Feeds />
        </Panel>
        <Panel name="Reconciliation">
          <Reconciled />
        </Panel>
        <Panel name="Tick to order">
          <TickToOrder />
        </Panel>
        <Panel name="Processes">
          <ProcessLine />
        </Panel>
      </div>
    </div>
  );
}
