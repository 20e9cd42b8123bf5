import { decimal, signOf } from "../format/decimal.ts";

type Props = { value: string | number | null | undefined; decimals?: number };

/** Money or a position with its sign; colour only repeats what the sign says. */
export function Amount({ value, decimals }: Props) {
  const sign = signOf(value);
  return <span className={sign > 0 ? "up" : sign < 0 ? "down" : ""}>{decimal(value, { decimals, signed: true })}</span>;
}
