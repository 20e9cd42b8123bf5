/** Names as a trader says them. */

export type InstrumentName = { pair: string; base: string; quote: string; kind: "spot" | "perp" | ""; venue: string };

/** `BTC/USDT@binance` is spot, `ETH/USDT:USDT@binance` a perpetual. */
export function instrumentName(id: string): InstrumentName {
  const [market = id, venue = ""] = id.split("@");
  const [pair = market, settled] = market.split(":");
  const [base = pair, quote = ""] = pair.split("/");
  return { pair, base, quote, kind: quote ? (settled ? "perp" : "spot") : "", venue };
}

const WORDS: Record<string, string> = {
  in_sync: "in sync",
  partially_filled: "part filled",
  canceled: "cancelled",
  post_only: "post-only",
  gtc: "GTC",
  gtx: "post-only",
  ioc: "IOC",
  fok: "FOK",
  order_notional: "Order value",
  position_notional: "Position value",
  daily_loss: "Loss today",
  open_orders: "Open orders",
  orders_per_second: "Orders per second",
  price_band: "Price band",
};

/** `partially_filled` as `part filled`; what is not known reads as it is written, without underscores. */
export function word(name: string): string {
  return WORDS[name] ?? WORDS[name.toLowerCase()] ?? name.replace(/_/g, " ");
}

/** The same with a capital. */
export function title(name: string): string {
  const text = word(name);
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** The end of an id, which is the part that differs. */
export function shortId(id: string): string {
  return id.length > 8 ? `…${id.slice(-6)}` : id;
}

/** `1 order`, `4 orders`. */
export function count(number: number, noun: string): string {
  return `${number.toLocaleString("en-US")} ${noun}${number === 1 ? "" : "s"}`;
}
