import { describe, expect, test } from "vitest";

import { FILLS_KEPT, Replica } from "../src/api/replica.ts";
import { delta, fill, snapshot } from "./messages.ts";

describe("replica", () => {
  test("stands where the snapshot says, and follows the numbers", () => {
    const replica = new Replica();
    expect(replica.receive(snapshot(7, { halted: false }))).toEqual({ kind: "snapshot" });
    expect(replica.receive(delta(8, { halted: true }))).toMatchObject({ kind: "changed" });
    expect(replica.state?.halted).toBe(true);
  });

  test("replaces a section whole and leaves the others as they are", () => {
    const replica = new Replica();
    replica.receive(snapshot(1, { balances: { USDT: "1", BTC: "2" } }));
    const feeds = replica.state?.feeds;
    replica.receive(delta(2, { balances: { USDT: "3" } }));
    expect(replica.state?.balances).toEqual({ USDT: "3" });
    expect(replica.state?.feeds).toBe(feeds);
  });

  test("takes null as a value, and ignores a section that it does not know", () => {
    const replica = new Replica();
    replica.receive(snapshot(1, { reconciliation: { at: "start" } as never }));
    replica.receive(delta(2, { reconciliation: null, invented: 1 } as never));
    expect(replica.state?.reconciliation).toBeNull();
    expect(replica.state).not.toHaveProperty("invented");
  });

  test.each([
    ["a number is missing", 4],
    ["a message comes twice", 2],
    ["messages are out of order", 1],
  ])("%s: it asks anew, keeps what it has, and ignores all until a snapshot", (_, number) => {
    const replica = new Replica();
    replica.receive(snapshot(1, { halted: false }));
    replica.receive(delta(2, {}));
    expect(replica.receive(delta(number, { halted: true }))).toEqual({ kind: "missed", expected: 3, was: number });
    expect(replica.state?.halted).toBe(false);
    expect(replica.receive(delta(3, { halted: true }))).toEqual({ kind: "ignored" });
    expect(replica.receive(delta(5, { halted: true }))).toEqual({ kind: "ignored" });
    expect(replica.state?.halted).toBe(false);
    replica.receive(snapshot(9, { halted: true }));
    expect(replica.receive(delta(10, { halted: false }))).toMatchObject({ kind: "changed" });
    expect(replica.state?.halted).toBe(false);
  });

  test("ignores deltas before the first snapshot and after a broken connection", () => {
    const replica = new Replica();
    expect(replica.receive(delta(1, { halted: true }))).toEqual({ kind: "ignored" });
    replica.receive(snapshot(1, { halted: false }));
    replica.disconnected();
    expect(replica.receive(delta(2, { halted: true }))).toEqual({ kind: "ignored" });
    expect(replica.state?.halted).toBe(false);
  });

  test("puts new fills before the known ones, each once, and keeps a bounded number", () => {
    const replica = new Replica();
    replica.receive(snapshot(1, { fills: [fill(2), fill(1)] }));
    replica.receive(delta(2, { "fills+": [fill(4), fill(3), fill(2)] }));
    expect(replica.state?.fills.map(({ id }) => id)).toEqual(["4", "3", "2", "1"]);
    const many = Array.from({ length: FILLS_KEPT + 20 }, (_, index) => fill(1_000 - index));
    replica.receive(delta(3, { "fills+": many }));
    expect(replica.state?.fills).toHaveLength(FILLS_KEPT);
    expect(replica.state?.fills[0]?.id).toBe("1000");
  });

  test("hands added candles, samples and events on and keeps none of them", () => {
    const replica = new Replica();
    replica.receive(snapshot(1, {}));
    const candle = {
      instrument: "X",
      interval: "1s",
      time: 1,
      open: "1",
      high: "1",
      low: "1",
      close: "1",
      volume: "1",
    };
    const outcome = replica.receive(delta(2, { "candles+": [candle as never] }));
    expect(outcome).toEqual({ kind: "changed", candles: [candle], equity: [], events: [] });
    expect(replica.state).not.toHaveProperty("candles+");
  });
});
