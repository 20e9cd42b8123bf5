/** Candles of one instrument, our fills as arrows at their price, our orders as lines. */

import {
  CandlestickSeries,
  createSeriesMarkers,
  LineStyle,
  type CandlestickData,
  type IChartApi,
  type IPriceLine,
  type ISeriesApi,
  type ISeriesMarkersPluginApi,
  type SeriesMarker,
  type UTCTimestamp,
} from "lightweight-charts";

import type { Candle, Fill, Order } from "../api/types.ts";
import { decimal, decimalsOf } from "../format/decimal.ts";
import { look, makeChart, withColours } from "./base.ts";
import { colours } from "./colours.ts";

export type CandleSettings = { tick: string; intervalSeconds: number; onFill: (order: string) => void };

/** From here on there is room for what the lines of our orders say, beside the newest candle. */
const ROOMY_PX = 520;
const LABELS_PX = 150;
const AXIS_PX = 62;
const SHOWN_FIRST = 110;

export class CandleChart {
  private readonly chart: IChartApi;
  private readonly series: ISeriesApi<"Candlestick">;
  private readonly markers: ISeriesMarkersPluginApi<UTCTimestamp>;
  private readonly lines = new Map<string, IPriceLine>();
  private readonly settings: CandleSettings;
  private readonly box: HTMLElement;
  private readonly unlisten: () => void;
  private fills: Fill[] = [];
  private orders: Order[] = [];
  private firstTime = 0;
  private lastTime = 0;
  private placed = false;

  constructor(box: HTMLElement, settings: CandleSettings) {
    this.settings = settings;
    this.box = box;
    this.chart = makeChart(box);
    const precision = decimalsOf(settings.tick);
    this.series = this.chart.addSeries(CandlestickSeries, {
      priceFormat: { type: "price", precision, minMove: Number(settings.tick) },
      priceLineVisible: true,
      priceLineStyle: LineStyle.Dotted,
    });
    this.markers = createSeriesMarkers(this.series as ISeriesApi<"Candlestick", UTCTimestamp>, [], {
      autoScale: false,
    });
    this.chart.subscribeClick((event) => {
      if (typeof event.hoveredObjectId === "string") settings.onFill(event.hoveredObjectId);
    });
    this.unlisten = withColours(() => this.paint());
  }

  remove(): void {
    this.unlisten();
    this.chart.remove();
  }

  /** All candles anew, oldest first; the first time shows the newest of them. */
  setCandles(candles: Candle[]): void {
    this.series.setData(candles.map(drawn));
    this.firstTime = candles[0]?.time ?? 0;
    this.lastTime = candles.at(-1)?.time ?? 0;
    if (!this.placed && candles.length) this.showNewest(candles.length);
    this.mark();
  }

  private showNewest(length: number): void {
    this.placed = true;
    const bars = Math.min(Math.max(length, 40), SHOWN_FIRST);
    const scale = this.chart.timeScale();
    const beside = this.box.clientWidth >= ROOMY_PX ? LABELS_PX : 20;
    // Not the scale's own width: before the first layout that is 0.
    const spacing = Math.max(this.box.clientWidth - AXIS_PX - beside, 1) / bars;
    scale.applyOptions({ barSpacing: spacing, rightOffset: beside / spacing });
  }

  /** A new candle or the last one changed; an older one cannot be changed by one alone and is left out. */
  update(candle: Candle): void {
    if (candle.time < this.lastTime) return;
    this.series.update(drawn(candle));
    this.lastTime = candle.time;
    this.firstTime ||= candle.time;
  }

  /** Newest first, of this instrument. */
  setFills(fills: Fill[]): void {
    this.fills = fills;
    this.mark();
  }

  setOrders(orders: Order[]): void {
    this.orders = orders;
    const colour = colours();
    const roomy = this.box.clientWidth >= ROOMY_PX;
    const left = new Set(this.lines.keys());
    for (const order of orders) {
      if (order.price === null) continue;
      left.delete(order.id);
      const options = {
        price: Number(order.price),
        color: order.side === "buy" ? colour.up : colour.down,
        lineWidth: 1 as const,
        lineStyle: LineStyle.Dashed,
        axisLabelVisible: true,
        axisLabelColor: colour.raised,
        axisLabelTextColor: order.side === "buy" ? colour.up : colour.down,
        title: roomy ? lineTitle(order) : "",
      };
      const line = this.lines.get(order.id);
      if (line) line.applyOptions(options);
      else this.lines.set(order.id, this.series.createPriceLine(options));
    }
    for (const id of left) {
      this.series.removePriceLine(this.lines.get(id)!);
      this.lines.delete(id);
    }
  }

  private mark(): void {
    const colour = colours();
    const largest = Math.max(...this.fills.map((fill) => Number(fill.quantity)), 0);
    const marks: SeriesMarker<UTCTimestamp>[] = [];
    for (const fill of this.fills) {
      const seconds = Date.parse(fill.at) / 1000;
      const time = Math.floor(seconds / this.settings.intervalSeconds) * this.settings.intervalSeconds;
      if (time < this.firstTime) continue;
      marks.push({
        time: time as UTCTimestamp,
        position: fill.side === "buy" ? "atPriceBottom" : "atPriceTop",
        price: Number(fill.price),
        shape: fill.side === "buy" ? "arrowUp" : "arrowDown",
        color: fill.side === "buy" ? colour.up : colour.down,
        size: 0.5 + 0.6 * Math.sqrt(Number(fill.quantity) / largest),
        id: fill.order,
      });
    }
    this.markers.setMarkers(marks.sort((a, b) => a.time - b.time));
  }

  private paint(): void {
    const colour = colours();
    this.chart.applyOptions(look());
    this.series.applyOptions({
      upColor: colour.panel, // hollow when it rose: the shape says it as well
      downColor: colour.down,
      borderUpColor: colour.up,
      borderDownColor: colour.down,
      wickUpColor: colour.up,
      wickDownColor: colour.down,
    });
    this.mark();
    this.setOrders(this.orders);
  }
}

function drawn(candle: Candle): CandlestickData<UTCTimestamp> {
  return {
    time: candle.time as UTCTimestamp,
    open: Number(candle.open),
    high: Number(candle.high),
    low: Number(candle.low),
    close: Number(candle.close),
  };
}

function lineTitle(order: Order): string {
  const ahead = order.queue_ahead === null ? "" : ` · ${decimal(order.queue_ahead)} ahead`;
  return `${order.side} ${decimal(order.quantity)}${ahead}`;
}
