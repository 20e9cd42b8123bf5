/** What stands around every page: status bar, rail, foot, drawer, dialogs. */

import { Suspense, lazy, useEffect } from "react";

import { useLink, useLive } from "../api/live.ts";
import { age } from "../format/time.ts";
import { Announcer } from "./Announcer.tsx";
import { choose, useChoice, type Page } from "./choices.ts";
import { Confirm } from "./Confirm.tsx";
import { Explain } from "./Explain.tsx";
import { Palette } from "./Palette.tsx";
import { Rail } from "./Rail.tsx";
import { StatusBar } from "./StatusBar.tsx";
import { useNow, useStaleness } from "./staleness.ts";
import { EventsPage } from "../pages/EventsPage.tsx";
import { FillsPage } from "../pages/FillsPage.tsx";
import { HealthPage } from "../pages/HealthPage.tsx";
import { OrdersPage } from "../pages/OrdersPage.tsx";
import { StrategiesPage } from "../pages/StrategiesPage.tsx";

const Overview = lazy(() => import("../pages/Overview.tsx"));

export function Frame({ onLeave }: { onLeave: () => void }) {
  const page = useChoice((choices) => choices.page);
  const explained = useChoice((choices) => choices.explained);
  const palette = useChoice((choices) => choices.palette);
  const mode = useLive((state) => state.mode);
  const halted = useLive((state) => state.halted);
  const stale = useStaleness();
  useShortcuts();

  return (
    <div className="frame" data-mode={mode ?? "none"} data-stale={stale !== null} data-halted={halted === true}>
      <a className="skip" href="#content" onClick={focusContent}>
        Skip to the content
      </a>
      <StatusBar onLeave={onLeave} />
      <Rail page={page} />
      <main id="content" tabIndex={-1} aria-busy={mode === null}>
        <Suspense fallback={null}>{shown(page)}</Suspense>
      </main>
      {explained !== null && <Explain key={explained} id={explained} />}
      <Foot />
      <Confirm />
      {palette && <Palette onLeave={onLeave} />}
      <Announcer />
    </div>
  );
}

function shown(page: Page) {
  switch (page) {
    case "overview":
      return <Overview />;
    case "orders":
      return <OrdersPage />;
    case "fills":
      return <FillsPage />;
    case "strategies":
      return <StrategiesPage />;
    case "health":
      return <HealthPage />;
    case "events":
      return <EventsPage />;
  }
}

/** One line that is always there, so that nothing moves when it has something to say. */
function Foot() {
  const link = useLink();
  const stale = useStaleness();
  const halted = useLive((state) => state.halted);
  const durable = useLive((state) => state.durable_seq);
  const now = useNow(500);
  const tone = stale ? "warn" : halted ? "bad" : "";
  return (
    <footer className="foot" data-tone={tone}>
      <p>
        {stale ? (
          <>
            <b>Stale for {age(now - stale.since)}.</b> {stale.text}
          </>
        ) : halted ? (
          <>
            <b>Halted.</b> No new orders are sent; positions are kept. Resume is at the top right.
          </>
        ) : link.kind === "connecting" ? (
          "Connecting …"
        ) : (
          <>
            Live<span className="wide"> · journal durable to {durable?.toLocaleString("en-US") ?? "–"}</span>
          </>
        )}
      </p>
      <p className="muted wide">
        <kbd>Ctrl</kbd> <kbd>K</kbd> finds pages, orders, instruments, acts ·{" "}
        <a href="https://www.tradingview.com/" rel="noreferrer" target="_blank">
          Charts by TradingView
        </a>
      </p>
    </footer>
  );
}

function useShortcuts(): void {
  useEffect(() => {
    const pressed = (event: KeyboardEvent): void => {
      if ((event.ctrlKey || event.metaKey) && !event.altKey && event.key.toLowerCase() === "k") {
        event.preventDefault();
        choose({ palette: true });
      }
    };
    addEventListener("keydown", pressed);
    return () => removeEventListener("keydown", pressed);
  }, []);
}

function focusContent(event: { preventDefault(): void }): void {
  event.preventDefault(); // the address holds the page's name
  document.getElementById("content")?.focus();
}
