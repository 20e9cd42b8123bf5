/** The server's words, as `openapi.json` has them. */

import type { components } from "../../types/schema.d.ts";

type Schemas = components["schemas"];

export type State = Schemas["State"];
export type Changes = Schemas["Changes"];
export type Snapshot = Schemas["Snapshot"];
export type Delta = Schemas["Delta"];
export type Message = Snapshot | Delta;
export type Book = Schemas["Book"];
export type Candle = Schemas["Candle"];
export type CandleChange = Schemas["CandleChange"];
export type EquitySample = Schemas["EquitySample"];
export type Event = Schemas["Event"];
export type Explanation = Schemas["Explanation"];
export type Feed = Schemas["Feed"];
export type Fill = Schemas["Fill"];
export type Instrument = Schemas["Instrument"];
export type Order = Schemas["Order"];
export type Position = Schemas["Position"];
export type Process = Schemas["Process"];
export type RiskUse = Schemas["RiskUse"];
export type Step = Schemas["Step"];
export type Strategy = Schemas["Strategy"];
export type Trader = Schemas["Trader"];
