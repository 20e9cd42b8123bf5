import { expect, test } from "vitest";

import { count, instrumentName, shortId, title, word } from "../src/format/names.ts";

test("an instrument's id in its parts", () => {
  expect(instrumentName("BTC/USDT@simulated")).toEqual({
    pair: "BTC/USDT",
    base: "BTC",
    quote: "USDT",
    kind: "spot",
    venue: "simulated",
  });
  expect(instrumentName("ETH/USDT:USDT@binance")).toMatchObject({ pair: "ETH/USDT", kind: "perp", venue: "binance" });
  expect(instrumentName("XYZ")).toMatchObject({ pair: "XYZ", kind: "", venue: "" });
});

test("words, counts and ids", () => {
  expect([word("in_sync"), word("canceled"), word("some_new_limit"), title("daily_loss")]).toEqual([
    "in sync",
    "cancelled",
    "some new limit",
    "Loss today",
  ]);
  expect([count(1, "order"), count(0, "order"), count(1_200, "fill")]).toEqual(["1 order", "0 orders", "1,200 fills"]);
  expect([shortId("12884901895"), shortId("1234")]).toEqual(["…901895", "1234"]);
});
