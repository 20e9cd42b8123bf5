import { expect, test } from "vitest";

import { age, clock, day, local, microClock, span } from "../src/format/time.ts";

const AT = "2026-11-21T07:05:09.045Z";

test("clock and day are of UTC, whatever zone the machine has", () => {
  expect(clock(AT)).toBe("07:05:09");
  expect(clock(AT, 3)).toBe("07:05:09.045");
  expect(day(AT)).toBe("2026-11-21");
  expect(day("2026-11-21T23:59:59.999Z")).toBe("2026-11-21");
});

test("what is no time reads as unknown", () => {
  expect([clock(null), clock("soon"), day(undefined), local("soon")]).toEqual(["–", "–", "–", ""]);
});

test("nanoseconds keep their microseconds", () => {
  expect(microClock(1_795_244_709_045_678_901n)).toBe("07:05:09.045678");
});

test.each([
  [0, "0.0 s"],
  [-50, "0.0 s"],
  [9_949, "9.9 s"],
  [12_000, "12 s"],
  [99_900, "99 s"],
  [100_000, "1 min"],
  [3_540_000, "59 min"],
  [7_500_000, "2 h 05 min"],
  [null, "–"],
])("an age of %s ms reads %s", (ms, text) => {
  expect(age(ms)).toBe(text);
});

test.each([
  [0n, "+0.0 µs"],
  [11_400n, "+11.4 µs"],
  [-2_050n, "−2.1 µs"],
  [2_304_800n, "+2,304.8 µs"],
  [8_391_220_500_000n / 1000n, "+8.391221 s"],
])("a span of %s ns reads %s", (ns, text) => {
  expect(span(ns)).toBe(text);
});
