/** What the account is worth, and below it how far that is under its highest. */

import {
  AreaSeries,
  LineSeries,
  type IChartApi,
  type ISeriesApi,
  type SingleValueData,
  type UTCTimestamp,
} from "lightweight-charts";

import type { EquitySample } from "../api/types.ts";
import { look, makeChart, withColours } from "./base.ts";
import { colours, faded } from "./colours.ts";

type Point = SingleValueData<UTCTimestamp>;

export class EquityChart {
  private readonly chart: IChartApi;
  private readonly equity: ISeriesApi<"Line">;
  private readonly drawdown: ISeriesApi<"Area">;
  private readonly unlisten: () => void;
  private lastTime = 0;
  /** Until the reader moves or zooms it, all of it is in sight. */
  private whole = true;

  constructor(box: HTMLElement) {
    this.chart = makeChart(box);
    this.equity = this.chart.addSeries(LineSeries, {
      lineWidth: 2,
      priceLineVisible: false,
      priceFormat: { type: "price", precision: 2, minMove: 0.01 },
    });
    this.drawdown = this.chart.addSeries(
      AreaSeries,
      {
        lineWidth: 1,
        invertFilledArea: true,
        priceLineVisible: false,
        priceFormat: { type: "custom", minMove: 0.001, formatter: (value: number) => `${value.toFixed(2)} %` },
      },
      1,
    );
    this.chart.panes()[0]?.setStretchFactor(7);
    this.chart.panes()[1]?.setStretchFactor(3);
    for (const moved of ["pointerdown", "wheel"])
      box.addEventListener(moved, () => (this.whole = false), { once: true });
    this.unlisten = withColours(() => this.paint());
  }

  remove(): void {
    this.unlisten();
    this.chart.remove();
  }

  /** All samples anew, oldest first. */
  setSamples(samples: EquitySample[]): void {
    const bySecond = new Map(samples.map((sample) => [second(sample), sample]));
    const points = [...bySecond.values()];
    this.equity.setData(points.map(worth));
    this.drawdown.setData(points.map(under));
    this.lastTime = points.length ? second(points.at(-1)!) : 0;
    if (this.whole) this.chart.timeScale().fitContent();
  }

  add(sample: EquitySample): void {
    if (second(sample) < this.lastTime) return;
    this.equity.update(worth(sample));
    this.drawdown.update(under(sample));
    this.lastTime = second(sample);
    if (this.whole) this.chart.timeScale().fitContent();
  }

  private paint(): void {
    const colour = colours();
    this.chart.applyOptions(look());
    this.equity.applyOptions({ color: colour.accent });
    this.drawdown.applyOptions({
      lineColor: colour.down,
      topColor: faded(colour.down, 0.25),
      bottomColor: faded(colour.down, 0.25),
    });
  }
}

function second(sample: EquitySample): number {
  return Math.floor(Date.parse(sample.at) / 1000);
}

function worth(sample: EquitySample): Point {
  return { time: second(sample) as UTCTimestamp, value: Number(sample.equity) };
}

function under(sample: EquitySample): Point {
  return { time: second(sample) as UTCTimestamp, value: -100 * (sample.drawdown ?? 0) };
}
