import { Panel } from "../panels/Panel.tsx";
import { Positions } from "../panels/Positions.tsx";
import { Risk } from "../panels/Risk.tsx";
import { Strategies } from "../panels/Strategies.tsx";

export function StrategiesPage() {
  return (
    <div className="page">
      <Panel name="Strategies">
        <Strategies />
      </Panel>
      <Panel name="Positions">
        <Positions whole />
      </Panel>
      <Panel name="Risk" className="grows">
        <Risk />
      </Panel>
    </div>
  );
}
