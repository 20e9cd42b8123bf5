/** The book around the spread, with our own size in it and what stands ahead of us. */

import { memo } from "react";

import { useLive } from "../api/live.ts";
import type { Book, Instrument } from "../api/types.ts";
import { decimal, decimalsOf } from "../format/decimal.ts";
import { word } from "../format/names.ts";
import { Note } from "./Panel.tsx";

const LEVELS = 12;
type Level = Book["bids"][number];

export function Ladder({ instrument }: { instrument: string }) {
  const book = useLive((state) => state.books[instrument] ?? null);
  const about = useLive((state) => state.instruments.find(({ id }) => id === instrument) ?? null);
  if (!book || !about) return <Note>No book yet. It comes with the feed's first snapshot.</Note>;
  const most = Math.max(...[...book.bids, ...book.asks].map((level) => Number(level[1])), 0);
  const scale = { price: decimalsOf(about.tick), quantity: decimalsOf(about.lot) };
  const rows = (levels: Level[], side: "bid" | "ask") =>
    Array.from({ length: LEVELS }, (_, index) => {
      const level = levels[index];
      return (
        <Row
          key={index}
          side={side}
          price={level ? decimal(level[0], { decimals: scale.price }) : ""}
          quantity={level ? decimal(level[1], { decimals: scale.quantity }) : ""}
          own={level && Number(level[2]) > 0 ? decimal(level[2], { decimals: scale.quantity }) : ""}
          ahead={level && Number(level[2]) > 0 ? decimal(level[3], { decimals: scale.quantity }) : ""}
          share={level && most > 0 ? Math.round((Number(level[1]) / most) * 50) * 2 : 0}
        />
      );
    });
  const out = about.state !== "in_sync";
  return (
    <div className="ladder" data-out={out}>
      <table aria-label="Order book">
        <thead>
          <tr>
            <th scope="col">Ahead</th>
            <th scope="col">Own</th>
            <th scope="col">Price</th>
            <th scope="col">Size</th>
          </tr>
        </thead>
        <tbody>{rows(book.asks, "ask").reverse()}</tbody>
        <tbody>
          <tr className="spread">
            <td colSpan={4}>
              {out ? <b className="warn">▲ {word(about.state)}: waits for a snapshot</b> : <Spread about={about} />}
            </td>
          </tr>
        </tbody>
        <tbody>{rows(book.bids, "bid")}</tbody>
      </table>
    </div>
  );
}

function Spread({ about }: { about: Instrument }) {
  const ticks =
    about.bid && about.ask ? Math.round((Number(about.ask) - Number(about.bid)) / Number(about.tick)) : null;
  return (
    <span>
      <span className="muted">last</span> <b>{decimal(about.last, { decimals: decimalsOf(about.tick) })}</b>{" "}
      <span className="muted">spread</span> {ticks === null ? "–" : ticks.toLocaleString("en-US")}{" "}
      <span className="muted">{ticks === 1 ? "tick" : "ticks"}</span>
    </span>
  );
}

type RowProps = { side: "bid" | "ask"; price: string; quantity: string; own: string; ahead: string; share: number };

const Row = memo(function Row({ side, price, quantity, own, ahead, share }: RowProps) {
  return (
    <tr className={own ? `${side} own` : side}>
      <td>{ahead}</td>
      <td>{own}</td>
      <td className="price">{price}</td>
      <td className="size">
        <i style={{ transform: `scaleX(${share / 100})` }} />
        <span>{quantity}</span>
      </td>
    </tr>
  );
});
