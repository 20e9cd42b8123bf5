import { clock, day, local } from "../format/time.ts";

type Props = { at: string | null | undefined; decimals?: number; withDay?: boolean };

/** A time in UTC; the reader's own on hover. */
export function Moment({ at, decimals = 0, withDay = false }: Props) {
  if (!at) return <>–</>;
  return (
    <time dateTime={at} title={`${day(at)} ${clock(at, 3)} UTC\n${local(at)}`}>
      {withDay ? `${day(at)} ` : ""}
      {clock(at, decimals)}
    </time>
  );
}
