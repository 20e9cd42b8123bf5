/** The style sheet's colours, for the canvas. */

export type Colours = Record<
  "panel" | "raised" | "line" | "grid" | "text" | "muted" | "accent" | "up" | "down" | "warn",
  string
>;

export function colours(): Colours {
  const style = getComputedStyle(document.documentElement);
  const named = (name: string): string => style.getPropertyValue(`--${name}`).trim();
  return {
    panel: named("panel"),
    raised: named("raised"),
    line: named("line"),
    grid: named("grid"),
    text: named("text"),
    muted: named("muted"),
    accent: named("accent"),
    up: named("up"),
    down: named("down"),
    warn: named("warn"),
  };
}

/** `#rrggbb` seen through. */
export function faded(colour: string, alpha: number): string {
  return `${colour}${Math.round(alpha * 255)
    .toString(16)
    .padStart(2, "0")}`;
}
