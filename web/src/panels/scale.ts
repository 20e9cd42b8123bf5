/** How many decimals an instrument's prices and quantities have: as many as its tick and lot. */

import { useMemo } from "react";

import { useLive } from "../api/live.ts";
import { decimalsOf } from "../format/decimal.ts";

export type Scale = { price: number; quantity: number };

const UNKNOWN: Scale = { price: 2, quantity: 4 };

/** Stays the same function while ticks and lots do, however often prices change. */
export function useScales(): (instrument: string) => Scale {
  const steps =
    useLive((state) => state.instruments.map(({ id, tick, lot }) => `${id} ${tick} ${lot}`).join("|")) ?? "";
  return useMemo(() => {
    const scales = new Map<string, Scale>();
    for (const line of steps ? steps.split("|") : []) {
      const [id = "", tick, lot] = line.split(" ");
      scales.set(id, { price: decimalsOf(tick), quantity: decimalsOf(lot) });
    }
    return (instrument) => scales.get(instrument) ?? UNKNOWN;
  }, [steps]);
}

/** The instruments' ids, in the trader's order. */
export function useInstrumentIds(): string[] {
  const ids = useLive((state) => state.instruments.map(({ id }) => id).join("|")) ?? "";
  return useMemo(() => (ids ? ids.split("|") : []), [ids]);
}
