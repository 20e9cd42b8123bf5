import { clock, day, local } from "../format/time.ts";

/** `whole`: with the day and milliseconds, where there is room. */
type Props = { at: string | null | undefined; decimals?: number; whole?: boolean };

/** A time in UTC; the reader's own on hover. */
export function Moment({ at, decimals = 0, whole = false }: Props) {
  if (!at) return <>–</>;
  return (
    <time dateTime={at} title={`${day(at)} ${clock(at, 3)} UTC\n${local(at)}`}>
      {whole && <span className="wide">{day(at)} </span>}
      {clock(at, decimals)}
      {whole && <span className="wide">{clock(at, 3).slice(-4)}</span>}
    </time>
  );
}
