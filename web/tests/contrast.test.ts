/** Every colour of text is readable on every ground it stands on: WCAG 2.2 AA, 4.5 to 1, in each theme. */

import { readFileSync } from "node:fs";

import { describe, expect, test } from "vitest";

const SHEET = readFileSync(new URL("../src/style/tokens.css", import.meta.url), "utf8");
const GROUNDS = ["panel", "raised"];
const TEXTS = ["text", "muted", "accent", "good", "warn", "bad", "up", "down", "live"];
const PAIRS: [string, string][] = [
  ...TEXTS.flatMap((text): [string, string][] => GROUNDS.map((ground) => [text, ground])),
  ["accent", "accent-ground"],
  ["text", "accent-ground"],
  ["warn", "warn-ground"],
  ["bad", "bad-ground"],
  ["halt-text", "halt"],
  ["panel", "accent"],
  ["panel", "warn"],
];

/** The tokens that hold where these selectors match, later ones over earlier ones. */
function tokens(...selectors: string[]): Map<string, string> {
  const found = new Map<string, string>();
  for (const [, selector = "", body = ""] of SHEET.matchAll(/^(:root[^{]*?) \{([^}]*)\}/gm)) {
    if (!selectors.includes(selector)) continue;
    for (const [, name = "", value = ""] of body.matchAll(/--([\w-]+): (#[0-9a-f]{6});/g)) found.set(name, value);
  }
  return found;
}

function luminance(colour: string): number {
  const [red = 0, green = 0, blue = 0] = [1, 3, 5].map((at) => {
    const share = Number.parseInt(colour.slice(at, at + 2), 16) / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

function contrast(one: string, other: string): number {
  const [light = 0, dark = 0] = [luminance(one), luminance(other)].sort((a, b) => b - a);
  return (light + 0.05) / (dark + 0.05);
}

const DARK = ':root[data-theme="dark"]';
const BLUE = ':root[data-colours="blue-orange"]';
const THEMES: [string, string[]][] = [
  ["light", [":root"]],
  ["dark", [":root", DARK]],
  ["light, blue and orange", [":root", BLUE]],
  ["dark, blue and orange", [":root", DARK, BLUE, `${DARK}[data-colours="blue-orange"]`]],
];

describe.each(THEMES)("%s", (_, selectors) => {
  const colours = tokens(...selectors);
  test.each(PAIRS)("%s on %s", (text, ground) => {
    expect(contrast(colours.get(text)!, colours.get(ground)!)).toBeGreaterThanOrEqual(4.5);
  });
});

test("black on white is 21 to 1", () => {
  expect(contrast("#000000", "#ffffff")).toBeCloseTo(21, 5);
});
