// Equity with its drawdown below, and candles with the fills and the position below.

/** What both charts share; colours come from the page's tokens and are given again when the theme changes. */
function chartColours() {
  return {
    layout: {
      background: { type: "solid", color: token("surface") },
      textColor: token("muted"),
      panes: { separatorColor: token("line"), separatorHoverColor: token("line") },
    },
    grid: { vertLines: { color: token("line", 0.55) }, horzLines: { color: token("line", 0.55) } },
    rightPriceScale: { borderColor: token("line") },
    timeScale: { borderColor: token("line") },
    crosshair: {
      vertLine: { color: token("muted"), labelBackgroundColor: token("text") },
      horzLine: { color: token("muted"), labelBackgroundColor: token("text") },
    },
  };
}

function makeChart(host, step, count) {
  host.replaceChildren();
  const colours = chartColours();
  const seconds = step < 60;
  const chart = LightweightCharts.createChart(host, {
    autoSize: true,
    ...colours,
    layout: {
      ...colours.layout,
      attributionLogo: false,
      fontSize: 11,
      fontFamily: getComputedStyle(document.body).fontFamily,
    },
    timeScale: {
      ...colours.timeScale,
      timeVisible: true,
      secondsVisible: seconds,
      minBarSpacing: 0.05,
      tickMarkFormatter: (time, kind) =>
        kind < 3 ? utcDate(time).slice(5) : utcTime(time).slice(0, kind === 4 ? 8 : 5),
    },
    localization: { timeFormatter: (time) => `${utcDate(time)} ${utcTime(time, step < 1 ? 3 : 0)} UTC` },
    crosshair: { ...colours.crosshair, mode: 0 },
    handleScroll: { mouseWheel: false, vertTouchDrag: false },
    handleScale: { mouseWheel: false },
  });
  lengths.set(chart, count);
  charts.set(host, chart);
  host.addEventListener("wheel", (event) => zoomByWheel(chart, event), { passive: false });
  host.addEventListener("keydown", (event) => moveByKey(chart, event));
  return chart;
}

/** The wheel scrolls the page; with Ctrl it zooms the chart. */
function zoomByWheel(chart, event) {
  if (!event.ctrlKey) return;
  event.preventDefault();
  zoom(chart, event.deltaY > 0 ? 1.25 : 0.8);
}

function zoom(chart, factor) {
  const range = chart.timeScale().getVisibleLogicalRange();
  if (!range) return;
  const middle = (range.from + range.to) / 2;
  const half = ((range.to - range.from) / 2) * factor;
  chart.timeScale().setVisibleLogicalRange({ from: middle - half, to: middle + half });
}

function moveByKey(chart, event) {
  const range = chart.timeScale().getVisibleLogicalRange();
  const acts = {
    ArrowLeft: () => shift(chart, range, -0.1),
    ArrowRight: () => shift(chart, range, 0.1),
    "+": () => zoom(chart, 0.8),
    "-": () => zoom(chart, 1.25),
    Home: () => showAll(chart),
  };
  if (!range || !acts[event.key]) return;
  event.preventDefault();
  acts[event.key]();
}

/** Points on the axis of each chart, and the chart in each host. */
const lengths = new WeakMap();
const charts = new Map();
const LABEL_ROOM = 24;

/** Everything, with room at both ends for the labels of the first and last time. */
function showAll(chart) {
  const count = lengths.get(chart);
  const room = (count * LABEL_ROOM) / Math.max(LABEL_ROOM, chart.chartElement().clientWidth - 80);
  chart.timeScale().setVisibleLogicalRange({ from: -room, to: count - 1 + room });
}

/** For paper, where charts neither resize nor redraw in time: a picture of each beside it; removes them if not `on`. */
function printCharts(on) {
  for (const old of document.querySelectorAll(".picture")) old.remove();
  if (!on) return;
  for (const [host, chart] of charts) {
    const picture = chart.takeScreenshot(true);
    picture.className = "picture";
    host.after(picture);
  }
}

function shift(chart, range, share) {
  const by = (range.to - range.from) * share;
  chart.timeScale().setVisibleLogicalRange({ from: range.from + by, to: range.to + by });
}

const LINES = [
  { colour: "accent", lineStyle: 0 },
  { colour: "warn", lineStyle: 0 },
  { colour: "accent", lineStyle: 1 },
  { colour: "warn", lineStyle: 1 },
  { colour: "muted", lineStyle: 2 },
  { colour: "muted", lineStyle: 1 },
];

function points(times, values) {
  return times.map((time, row) => ({ time, value: values[row] }));
}

/** Equity of the account and its strategies over the drawdown; returns how to colour it again. */
function equityChart(host, legend, data) {
  const { t, account, drawdown, strategies } = data.equity;
  if (!t.length) return empty(host, "No equity was sampled: the run ended before its first sample.");
  const step = t.length > 1 ? (t[t.length - 1] - t[0]) / (t.length - 1) : 60;
  const chart = makeChart(host, step, t.length);
  const money = (value) => number(value, data.decimals);
  const priceFormat = { type: "custom", formatter: money, minMove: 10 ** -data.decimals };
  const plain = { priceFormat, priceLineVisible: false, lastValueVisible: false };
  const lines = strategies.map((strategy, at) => {
    const style = LINES[at % LINES.length];
    const series = chart.addSeries(LightweightCharts.LineSeries, {
      ...plain,
      lineWidth: 1,
      lineStyle: style.lineStyle,
    });
    series.setData(points(t, strategy.values));
    return { ...strategy, series, style };
  });
  const main = chart.addSeries(LightweightCharts.LineSeries, { ...plain, lineWidth: 2, lastValueVisible: true });
  main.setData(points(t, account));
  const fall = chart.addSeries(
    LightweightCharts.BaselineSeries,
    { ...plain, baseValue: { type: "price", price: 0 }, lineWidth: 1 },
    1,
  );
  fall.setData(points(t, drawdown));
  chart.panes()[0].setStretchFactor(0.7);
  chart.panes()[1].setStretchFactor(0.3);
  const say = equityLegend(legend, data, lines);
  chart.subscribeCrosshairMove((move) =>
    say(move.logical === undefined ? t.length - 1 : clamp(Math.round(move.logical), t.length)),
  );
  say(t.length - 1);
  showAll(chart);
  const paint = () => {
    chart.applyOptions(chartColours());
    main.applyOptions({ color: token("text") });
    const down = token("down", 0.22);
    fall.applyOptions({
      bottomLineColor: token("down"),
      bottomFillColor1: down,
      bottomFillColor2: down,
      topLineColor: token("down"),
    });
    for (const line of lines) line.series.applyOptions({ color: token(line.style.colour) });
  };
  paint();
  return paint;
}

function clamp(row, count) {
  return Math.max(0, Math.min(count - 1, row));
}

/** The values under the crosshair; a click on a strategy hides or shows its line. */
function equityLegend(legend, data, lines) {
  const { t, account, drawdown } = data.equity;
  const [time, total, fall] = [0, 1, 2].map(() => element("span"));
  const toggles = lines.map((line) => {
    const value = element("span", { class: "figure" });
    const button = element(
      "button",
      {
        type: "button",
        "aria-pressed": "true",
        title: "Show or hide the line",
        onclick: () => {
          const shown = button.getAttribute("aria-pressed") !== "true";
          button.setAttribute("aria-pressed", String(shown));
          line.series.applyOptions({ visible: shown });
        },
      },
      element("span", { class: `line ${line.style.colour} style${line.style.lineStyle}`, "aria-hidden": "true" }),
      element("span", { text: line.name }),
      value,
    );
    return { button, value, values: line.values };
  });
  legend.replaceChildren(time, total, fall, ...toggles.map((toggle) => toggle.button));
  return (row) => {
    time.textContent = `${utcDate(t[row])} ${utcTime(t[row])} UTC`;
    total.textContent = `Equity ${number(account[row], data.decimals)} ${data.currency}`;
    const share = number((100 * drawdown[row]) / (account[row] - drawdown[row]), 3, true);
    fall.textContent = `Drawdown ${number(drawdown[row], data.decimals, true)} ${data.currency} (${share} %)`;
    for (const { value, values } of toggles) value.textContent = number(values[row] - values[0], data.decimals, true);
  };
}

/** Candles of one instrument with fills, the position below; returns how to colour it again and how to go to a fill. */
function marketChart(host, legend, market, fills) {
  if (!market.t.length) {
    empty(host, "No trade was seen in this instrument, so there are no candles.");
    return { paint: () => {}, go: () => {}, chart: null };
  }
  const chart = makeChart(host, market.interval, market.t.length);
  const minMove = 10 ** -market.priceDecimals;
  const candles = chart.addSeries(LightweightCharts.CandlestickSeries, {
    priceFormat: { type: "custom", formatter: (value) => number(value, market.priceDecimals), minMove },
    priceLineVisible: false,
    lastValueVisible: false,
  });
  candles.setData(
    market.t.map((time, row) => ({
      time,
      open: market.open[row],
      high: market.high[row],
      low: market.low[row],
      close: market.close[row],
    })),
  );
  const own = placedFills(market, fills);
  const triangles = new FillTriangles(own);
  candles.attachPrimitive(triangles);
  const formatter = (value) => number(value, market.quantityDecimals, true);
  const position = chart.addSeries(
    LightweightCharts.BaselineSeries,
    {
      lineType: 1,
      lineWidth: 1,
      priceLineVisible: false,
      baseValue: { type: "price", price: 0 },
      priceFormat: { type: "custom", formatter, minMove: 10 ** -market.quantityDecimals },
    },
    1,
  );
  position.setData(points(market.t, market.position));
  chart.panes()[0].setStretchFactor(0.76);
  chart.panes()[1].setStretchFactor(0.24);
  const say = marketLegend(legend, market, own);
  chart.subscribeCrosshairMove((move) =>
    say(move.logical === undefined ? market.t.length - 1 : clamp(Math.round(move.logical), market.t.length)),
  );
  say(market.t.length - 1);
  showAll(chart);
  const paint = () => paintMarket(chart, candles, position);
  paint();
  const go = (row) => {
    const fill = own.find((one) => one.row === row);
    chart.timeScale().setVisibleLogicalRange({ from: fill.at - 40, to: fill.at + 40 });
    triangles.mark(row);
  };
  return { paint, go, chart };
}

function paintMarket(chart, candles, position) {
  chart.applyOptions(chartColours());
  const [up, down, surface] = [token("up"), token("down"), token("surface")];
  // Rising candles are hollow: direction can be told without colour.
  candles.applyOptions({
    upColor: surface,
    borderUpColor: up,
    wickUpColor: up,
    downColor: down,
    borderDownColor: down,
    wickDownColor: down,
  });
  const [long, short] = [token("up", 0.2), token("down", 0.2)];
  position.applyOptions({
    topLineColor: up,
    topFillColor1: long,
    topFillColor2: long,
    bottomLineColor: down,
    bottomFillColor1: short,
    bottomFillColor2: short,
  });
}

/** The market's fills with their place on the axis: the candle they fall into and how far into it. */
function placedFills(market, fills) {
  const code = fills.instruments.indexOf(market.instrument);
  const placed = [];
  let candle = 0;
  for (let row = 0; row < fills.count; row += 1) {
    if (fills.instrument[row] !== code) continue;
    const time = fills.time[row] / 1e6;
    while (candle + 1 < market.t.length && market.t[candle + 1] <= time) candle += 1;
    const into = Math.max(0, Math.min(0.999, (time - market.t[candle]) / market.interval));
    placed.push({
      row,
      at: candle - 0.5 + into,
      candle,
      price: fills.price[row],
      quantity: fills.quantity[row],
      buy: fills.side[row],
    });
  }
  return placed;
}

function marketLegend(legend, market, own) {
  const [time, prices, position, traded] = [0, 1, 2, 3].map(() => element("span"));
  legend.replaceChildren(time, prices, position, traded);
  const byCandle = new Map();
  for (const fill of own) {
    if (byCandle.has(fill.candle)) byCandle.get(fill.candle).push(fill);
    else byCandle.set(fill.candle, [fill]);
  }
  return (row) => {
    const price = (name) => number(market[name][row], market.priceDecimals);
    time.textContent = `${utcDate(market.t[row])} ${utcTime(market.t[row], market.interval < 1 ? 3 : 0)} UTC`;
    const four = ["open", "high", "low", "close"].map((name) => `${name[0].toUpperCase()} ${price(name)}`);
    prices.textContent = `${four.join("  ")} ${market.quote}`;
    position.textContent = `Position ${number(market.position[row], market.quantityDecimals, true)} ${market.base}`;
    const fills = byCandle.get(row) ?? [];
    const side = (buy, word) => {
      const these = fills.filter((fill) => fill.buy === buy);
      if (!these.length) return [];
      const total = these.reduce((sum, fill) => sum + fill.quantity, 0);
      const said = number(total, market.quantityDecimals);
      return [`${word} ${said} in ${these.length} ${these.length === 1 ? "fill" : "fills"}`];
    };
    traded.textContent = [...side(1, "▲ bought"), ...side(0, "▼ sold")].join("  ");
  };
}

function empty(host, text) {
  host.replaceChildren(element("p", { class: "empty", text }));
  return () => {};
}
