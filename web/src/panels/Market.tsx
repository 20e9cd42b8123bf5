import { instrumentName } from "../format/names.ts";

/** An instrument as a trader says it: `ETH/USDT perp`. Its whole id on hover. */
export function Market({ id }: { id: string }) {
  const name = instrumentName(id);
  return (
    <span title={id} className="market">
      {name.base}
      {name.quote && <span className="quote">/{name.quote}</span>} <span className="muted">{name.kind}</span>
    </span>
  );
}
