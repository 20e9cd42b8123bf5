// Starts the page: data, theme, charts, table, copying, times.

const data = JSON.parse(document.getElementById("run-data").textContent);
const root = document.documentElement;
const painters = [];

function prepare(fills) {
  fills.count = fills.time.length;
  for (let row = 1; row < fills.count; row += 1) fills.time[row] += fills.time[row - 1];
  return fills;
}

/** Settings of the reader, kept where the browser allows it for files. */
function remembered(key) {
  try {
    return localStorage.getItem(`kedge.${key}`);
  } catch {
    return null;
  }
}

function remember(key, value) {
  try {
    localStorage.setItem(`kedge.${key}`, value);
  } catch {
    // A private window may forbid it; the choice then lasts as long as the page.
  }
}

function repaint() {
  for (const paint of painters) paint();
}

function isDark() {
  const chosen = root.dataset.theme;
  return chosen ? chosen === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
}

function startTheme() {
  const theme = document.getElementById("theme");
  const palette = document.getElementById("palette");
  const said = () => {
    theme.textContent = isDark() ? "Light" : "Dark";
    const blue = root.dataset.palette === "blue";
    palette.title = blue ? "Up and down in teal and red" : "Up and down in blue and orange";
    palette.setAttribute("aria-pressed", String(blue));
  };
  if (remembered("theme")) root.dataset.theme = remembered("theme");
  if (remembered("palette")) root.dataset.palette = remembered("palette");
  theme.addEventListener("click", () => {
    root.dataset.theme = isDark() ? "light" : "dark";
    remember("theme", root.dataset.theme);
    said();
    repaint();
  });
  palette.addEventListener("click", () => {
    root.dataset.palette = root.dataset.palette === "blue" ? "teal" : "blue";
    remember("palette", root.dataset.palette);
    said();
    repaint();
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
    said();
    repaint();
  });
  said();
}

/** A panel that fails says so in its place; the others go on. */
function panel(id, start) {
  try {
    return start(document.getElementById(id));
  } catch (error) {
    document.getElementById(id).replaceChildren(element("p", { class: "empty bad", text: `Broken: ${error.message}` }));
    console.error(error);
    return null;
  }
}

/** The chart of one instrument, and a tab for each if there are several. */
function startMarkets(host, fills) {
  const legend = document.getElementById("market-legend");
  const tools = document.getElementById("market-tools");
  if (!data.markets.length) {
    empty(host, "No instrument was traded.");
    return { go: () => {} };
  }
  let shown = null;
  const show = (market) => {
    shown?.chart?.remove();
    shown = { market, ...marketChart(host, legend, market, fills) };
    for (const tab of tools.querySelectorAll("[role=tab]"))
      tab.setAttribute("aria-selected", String(tab.textContent === market.instrument));
  };
  const tabs = data.markets.map((market) =>
    element("button", { type: "button", role: "tab", text: market.instrument, onclick: () => show(market) }),
  );
  const key = element("span", { class: "muted", text: "▲ buy  ▼ sell, sized by quantity" });
  tools.replaceChildren(
    element("span", { role: "tablist", "aria-label": "Instruments" }, ...tabs),
    key,
    zoomButtons(() => shown.chart),
  );
  show(data.markets[0]);
  painters.push(() => shown.paint());
  return {
    go: (row) => {
      const market = data.markets.find((one) => one.instrument === fills.instruments[fills.instrument[row]]);
      if (!market) return;
      if (shown.market !== market) show(market);
      shown.go(row);
      document.getElementById("market").scrollIntoView({ block: "start" });
    },
  };
}

function zoomButtons(chart) {
  const act = (text, title, does) =>
    element("button", { type: "button", text, title, "aria-label": title, onclick: () => chart() && does(chart()) });
  return element(
    "span",
    { class: "zoom" },
    act("−", "Zoom out", (one) => zoom(one, 1.5)),
    act("+", "Zoom in", (one) => zoom(one, 0.66)),
    act("All", "Show everything", showAll),
  );
}

function startCopying() {
  const status = document.getElementById("status");
  document.addEventListener("click", async (event) => {
    const button = event.target.closest("button.copy");
    if (!button) return;
    const said = (await copied(button.dataset.copy)) ? "Copied." : "Could not copy; select the text instead.";
    status.textContent = said;
    setTimeout(() => {
      if (status.textContent === said) status.textContent = "";
    }, 2500);
  });
}

/** Browsers give pages from a file no clipboard, but do let them copy a selection. */
async function copied(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const area = element("textarea", { class: "off-screen" });
    area.value = text;
    document.body.append(area);
    area.select();
    const done = document.execCommand("copy");
    area.remove();
    return done;
  }
}

/** UTC is written; the reader's own time is in the hover. */
function startTimes() {
  for (const time of document.querySelectorAll("time[datetime]"))
    time.title = localTime(Date.parse(time.dateTime) / 1000);
}

function startRail() {
  const links = new Map([...document.querySelectorAll(".rail a")].map((link) => [link.hash.slice(1), link]));
  const watch = new IntersectionObserver(
    (entries) => {
      for (const entry of entries) {
        if (!entry.isIntersecting) continue;
        for (const link of links.values()) link.removeAttribute("aria-current");
        links.get(entry.target.id)?.setAttribute("aria-current", "true");
      }
    },
    { rootMargin: "-10% 0px -75% 0px" },
  );
  for (const section of document.querySelectorAll("main section[id]")) watch.observe(section);
}

function startPrinting(table) {
  addEventListener("beforeprint", () => {
    root.dataset.print = root.dataset.theme ?? "";
    root.dataset.theme = "light";
    repaint();
    printCharts(true);
    table?.print(true);
  });
  addEventListener("afterprint", () => {
    if (root.dataset.print) root.dataset.theme = root.dataset.print;
    else delete root.dataset.theme;
    delete root.dataset.print;
    repaint();
    printCharts(false);
    table?.print(false);
  });
}

startTheme();
startCopying();
startTimes();
startRail();
const fills = prepare(data.fills);
const paintEquity = panel("equity-chart", (host) => equityChart(host, document.getElementById("equity-legend"), data));
if (paintEquity) painters.push(paintEquity);
const markets = panel("market-chart", (host) => startMarkets(host, fills));
const oneBase = new Set(data.markets.map((market) => market.base)).size === 1 ? data.markets[0].base : "base";
const table = panel("fills-table", (host) => {
  if (!fills.count) return empty(host, "No fills: no order traded. Orders and reasons are in orders.parquet.") && null;
  const tools = document.getElementById("fills-tools");
  return new FillsTable(host, tools, fills, {
    currency: data.currency,
    base: oneBase,
    onPick: (row) => markets?.go(row),
  });
});
startPrinting(table);
root.dataset.ready = "true";
