import { live, useLive } from "../api/live.ts";
import { PAGES, type Page } from "./choices.ts";

const NAMES: Record<Page, string> = {
  overview: "Overview",
  orders: "Orders",
  fills: "Fills",
  strategies: "Strategies",
  health: "Health",
  events: "Events",
};

const DRAWINGS: Record<Page, string> = {
  overview: "M2 13h16M4 10l4-4 3 3 5-6",
  orders: "M3 5h14M3 10h14M3 15h9",
  fills: "M4 16 10 5l6 11z",
  strategies: "M5 3v14M5 6h9l-2 3 2 3H5",
  health: "M2 10h4l2-6 4 12 2-6h4",
  events: "M10 3a7 7 0 1 0 .1 0M10 6v4l3 2",
};

export function Rail({ page }: { page: Page }) {
  const orders = useLive((state) => state.orders.length);
  const failed = useLive((state) => state.strategies.filter((strategy) => strategy.state === "failed").length) ?? 0;
  const sick = useLive((state) => state.feeds.filter((feed) => feed.state !== "in_sync").length) ?? 0;
  const marks: Partial<Record<Page, { text: string; bad?: boolean }>> = {
    orders: orders ? { text: String(orders) } : undefined,
    strategies: failed ? { text: "!", bad: true } : undefined,
    health: sick || live.state?.reconciliation?.equal === false ? { text: "!", bad: true } : undefined,
  };
  return (
    <nav className="rail" aria-label="Pages">
      {PAGES.map((name) => {
        const mark = marks[name];
        return (
          <a key={name} href={`#${name}`} aria-current={name === page ? "page" : undefined}>
            <svg viewBox="0 0 20 20" width="20" height="20" aria-hidden="true">
              <path d={DRAWINGS[name]} />
            </svg>
            <span>{NAMES[name]}</span>
            {mark && <b className={mark.bad ? "mark bad" : "mark"}>{mark.text}</b>}
          </a>
        );
      })}
    </nav>
  );
}
