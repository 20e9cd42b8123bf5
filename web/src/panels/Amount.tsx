import { decimal } from "../format/decimal.ts";

type Props = { value: string | number | null | undefined; decimals?: number };

/** Money or a position with its sign; colour only repeats what the sign says. */
export function Amount({ value, decimals }: Props) {
  const text = decimal(value, { decimals, signed: true });
  return <span className={text.startsWith("+") ? "up" : text.startsWith("−") ? "down" : ""}>{text}</span>;
}
