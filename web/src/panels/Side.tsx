/** Bought or sold: a word, a shape and a colour. */
export function Side({ side }: { side: "buy" | "sell" }) {
  return <span className={side === "buy" ? "side up" : "side down"}>{side === "buy" ? "▲ Buy" : "▼ Sell"}</span>;
}
