import { describe, expect, test } from "vitest";

import { decimal, decimalsOf, percent, signOf } from "../src/format/decimal.ts";

describe("decimal", () => {
  test.each([
    ["1234567.891", {}, "1,234,567.891"],
    ["61837.6", { decimals: 2 }, "61,837.60"],
    ["0.125", { decimals: 2 }, "0.13"],
    ["-0.125", { decimals: 2 }, "−0.13"],
    ["999.999", { decimals: 2 }, "1,000.00"],
    ["2.5", { decimals: 0 }, "3"],
    ["3", { signed: true }, "+3"],
    ["-0.001", { decimals: 2, signed: true }, "0.00"],
    ["0", { signed: true }, "0"],
    ["123456789012345678901.12345678", {}, "123,456,789,012,345,678,901.12345678"],
    [".5", {}, "0.5"],
    ["007", {}, "7"],
    ["1e-8", { decimals: 8 }, "0.00000001"],
    [0.1, { decimals: 1 }, "0.1"],
    [null, {}, "–"],
    ["", {}, "–"],
    ["not a number", {}, "not a number"],
  ])("%s %o reads %s", (value, options, text) => {
    expect(decimal(value, options)).toBe(text);
  });

  test("what a float would round away is kept", () => {
    expect(decimal("9007199254740993.1", { decimals: 1 })).toBe("9,007,199,254,740,993.1");
  });
});

test("signOf tells what is below, at and above zero", () => {
  expect(["-0.01", "0.000", "+3", null, "-0"].map(signOf)).toEqual([-1, 0, 1, 0, 0]);
});

test("decimalsOf counts what a tick needs", () => {
  expect(["0.01", "0.010", "1", "0.00001", "1e-5", null].map(decimalsOf)).toEqual([2, 2, 0, 5, 5, 0]);
});

test("percent takes a share", () => {
  expect(percent(0.01234)).toBe("1.23");
  expect(percent(-0.5, 1, true)).toBe("−50.0");
  expect(percent(null)).toBe("–");
  expect(percent(Number.NaN)).toBe("–");
});
