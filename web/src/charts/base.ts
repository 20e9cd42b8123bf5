/** What both charts have in common: colours of the theme, UTC, no logo that would need a style of its own. */

import {
  createChart,
  ColorType,
  CrosshairMode,
  type ChartOptions,
  type DeepPartial,
  type IChartApi,
} from "lightweight-charts";

import { listenTo } from "../app/choices.ts";
import { colours } from "./colours.ts";

export function makeChart(box: HTMLElement, more: DeepPartial<ChartOptions> = {}): IChartApi {
  return createChart(box, { autoSize: true, ...look(), ...more });
}

export function look(): DeepPartial<ChartOptions> {
  const colour = colours();
  return {
    layout: {
      background: { type: ColorType.Solid, color: colour.panel },
      textColor: colour.muted,
      fontFamily: getComputedStyle(document.body).fontFamily,
      fontSize: 11,
      attributionLogo: false, // the foot of the page names and links it
      panes: { separatorColor: colour.line, separatorHoverColor: colour.line, enableResize: false },
    },
    grid: { vertLines: { color: colour.grid }, horzLines: { color: colour.grid } },
    crosshair: {
      mode: CrosshairMode.Normal,
      vertLine: { color: colour.muted, labelBackgroundColor: colour.muted, width: 1 },
      horzLine: { color: colour.muted, labelBackgroundColor: colour.muted, width: 1 },
    },
    rightPriceScale: { borderColor: colour.line },
    timeScale: {
      borderColor: colour.line,
      timeVisible: true,
      secondsVisible: true,
      minBarSpacing: 0.02,
    },
    localization: { locale: "en-GB" },
  };
}

/** Calls back now and when theme or colours change. */
export function withColours(draw: () => void): () => void {
  draw();
  return listenTo(draw);
}
