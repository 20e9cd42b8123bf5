/** Decimals as text, exactly: money, prices and quantities never pass through a float on their way to the screen. */

export const NONE = "–";

type Options = {
  /** Digits after the point; the value is rounded half away from zero. Without it: as many as the text has. */
  decimals?: number;
  /** Write + as well as −. */
  signed?: boolean;
};

const DECIMAL = /^([+-]?)(\d*)(?:\.(\d*))?$/;
const EXPONENT = /e/i;

/** `+1,234.50`, `−0.10`; no sign once it rounds to zero; `–` for what is not known. */
export function decimal(value: string | number | null | undefined, options: Options = {}): string {
  const parts = split(value);
  if (!parts) return value === null || value === undefined || value === "" ? NONE : String(value);
  const { negative, whole, fraction } = rounded(parts, options.decimals ?? parts.fraction.length);
  const digits = whole.replace(/\B(?=(\d{3})+$)/g, ",") + (fraction ? `.${fraction}` : "");
  if (!/[1-9]/.test(digits)) return digits;
  return (negative ? "−" : options.signed ? "+" : "") + digits;
}

/** −1, 0 or 1. */
export function signOf(value: string | number | null | undefined): number {
  const parts = split(value);
  if (!parts || !/[1-9]/.test(parts.whole + parts.fraction)) return 0;
  return parts.negative ? -1 : 1;
}

/** Digits after the point that a tick or step such as `0.010` needs: 2. */
export function decimalsOf(step: string | number | null | undefined): number {
  const parts = split(step);
  return parts ? parts.fraction.replace(/0+$/, "").length : 0;
}

/** A share such as 0.0123 as `+1.23` (per cent). */
export function percent(share: number | null | undefined, decimals = 2, signed = false): string {
  if (share === null || share === undefined || !Number.isFinite(share)) return NONE;
  return decimal((share * 100).toFixed(decimals), { decimals, signed });
}

type Parts = { negative: boolean; whole: string; fraction: string };

function split(value: string | number | null | undefined): Parts | null {
  if (value === null || value === undefined || value === "") return null;
  const text = typeof value === "number" || EXPONENT.test(value) ? plain(Number(value)) : value.trim();
  const found = DECIMAL.exec(text);
  if (!found || !(found[2] || found[3])) return null;
  return { negative: found[1] === "-", whole: found[2]!.replace(/^0+(?=\d)/, "") || "0", fraction: found[3] ?? "" };
}

function plain(value: number): string {
  const text = String(value);
  return EXPONENT.test(text) ? value.toFixed(20).replace(/0+$/, "") : text;
}

function rounded({ negative, whole, fraction }: Parts, decimals: number): Parts {
  if (fraction.length <= decimals) return { negative, whole, fraction: fraction.padEnd(decimals, "0") };
  const up = fraction.charCodeAt(decimals) >= 53;
  const kept = (BigInt(whole + fraction.slice(0, decimals)) + (up ? 1n : 0n)).toString().padStart(decimals + 1, "0");
  return { negative, whole: kept.slice(0, kept.length - decimals), fraction: decimals ? kept.slice(-decimals) : "" };
}
