/** What the reader chose: page, instrument, colours, open drawer. The page is in the address. */

import { useSyncExternalStore } from "react";

export const PAGES = ["overview", "orders", "fills", "strategies", "health", "events"] as const;
export type Page = (typeof PAGES)[number];
export const INTERVALS = ["1s", "5s", "1m", "5m"] as const;
export type Interval = (typeof INTERVALS)[number];

export type Choices = {
  page: Page;
  instrument: string | null;
  interval: Interval;
  theme: "system" | "light" | "dark";
  colours: "teal-red" | "blue-orange";
  /** The order whose life the drawer tells. */
  explained: string | null;
  /** An act waiting for its confirmation. */
  asked: Act | null;
  palette: boolean;
};

export type Act = { kind: "halt" } | { kind: "resume" } | { kind: "stop"; strategy: string };

const REMEMBERED = ["instrument", "interval", "theme", "colours"] as const;
const KEY = "kedge";
const listeners = new Set<() => void>();

let choices: Choices = {
  page: pageOfAddress(),
  instrument: null,
  interval: "5s",
  theme: "system",
  colours: "teal-red",
  explained: null,
  asked: null,
  palette: false,
  ...remembered(),
};

export function choose(change: Partial<Choices>): void {
  choices = { ...choices, ...change };
  if (change.page && change.page !== pageOfAddress()) location.hash = change.page;
  try {
    localStorage.setItem(KEY, JSON.stringify(Object.fromEntries(REMEMBERED.map((name) => [name, choices[name]]))));
  } catch {
    // A browser that keeps nothing: the choice lasts as long as the page.
  }
  paint();
  for (const listener of listeners) listener();
}

export function useChoice<Part>(part: (choices: Choices) => Part): Part {
  return useSyncExternalStore(listenTo, () => part(choices));
}

/** Calls back when anything was chosen; charts take their colours anew. */
export function listenTo(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/** Puts theme and colours on the document, where the style sheets read them. */
export function paint(): void {
  document.documentElement.dataset.theme = isDark() ? "dark" : "light";
  document.documentElement.dataset.colours = choices.colours;
}

const system = matchMedia("(prefers-color-scheme: dark)");

export function isDark(): boolean {
  return choices.theme === "system" ? system.matches : choices.theme === "dark";
}

system.addEventListener("change", () => choose({}));
addEventListener("hashchange", () => choose({ page: pageOfAddress() }));

function pageOfAddress(): Page {
  const named = location.hash.replace(/^#\/?/, "");
  return PAGES.find((page) => page === named) ?? "overview";
}

function remembered(): Partial<Choices> {
  try {
    const kept = JSON.parse(localStorage.getItem(KEY) ?? "{}") as Partial<Choices>;
    return {
      instrument: typeof kept.instrument === "string" ? kept.instrument : null,
      interval: INTERVALS.find((interval) => interval === kept.interval) ?? "5s",
      theme: kept.theme === "light" || kept.theme === "dark" ? kept.theme : "system",
      colours: kept.colours === "blue-orange" ? "blue-orange" : "teal-red",
    };
  } catch {
    return {};
  }
}
