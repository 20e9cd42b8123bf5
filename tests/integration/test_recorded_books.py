"""The recorded files against a reader of their JSON that shares nothing with the engine: books, trades, quotes."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kedge._core import BinanceRecording, detect_recording
from kedge.model.columns import CLEAR, DELTA, GAP, KIND, LAST, LEVEL, NO_TIME, QUOTE, SELL, TRADE, WIDE, MarketColumns

RECORDINGS = {
    "BTC/USDT@binance": ("spot", ["spot_btcusdt_20240808.gz", "spot_btcusdt_20240809.gz"]),
    "ETH/USDT@binance": ("spot", ["spot_ethusdt_20240808.gz"]),
    "BTC/USDT:USDT@binance": ("usdm", ["usdm_btcusdt_20240808.gz"]),
}
Book = dict[tuple[str, Decimal], Decimal]


@dataclass
class Stranger:
    """Follows "How to manage a local order book correctly" of the venue's documents to the letter."""

    market: str
    book: Book = field(default_factory=dict)
    last: int | None = None
    bridged: bool = False
    waiting: list[dict[str, Any]] = field(default_factory=list)
    trades: list[tuple[int, Decimal, Decimal, bool]] = field(default_factory=list)
    quotes: list[tuple[Decimal, Decimal]] = field(default_factory=list)

    def take(self, message: dict[str, Any]) -> None:
        event = message.get("e")
        if "lastUpdateId" in message:
            self.snapshot(message)
        elif event == "depthUpdate":
            self.depth(message)
        elif event == "trade":
            assert message.get("X", "MARKET") == "MARKET"
            self.trades.append((message["T"], Decimal(message["p"]), Decimal(message["q"]), message["m"]))
        else:
            assert event == ("bookTicker" if self.market == "usdm" else None)
            self.quotes.append((Decimal(message["b"]), Decimal(message["B"])))
            self.quotes.append((Decimal(message["a"]), Decimal(message["A"])))

    def snapshot(self, message: dict[str, Any]) -> None:
        assert self.last is None, "the recordings hold one snapshot each"
        self.last = message["lastUpdateId"]
        self.put(message["bids"], message["asks"])
        for diff in self.waiting:
            self.depth(diff)

    def depth(self, diff: dict[str, Any]) -> None:
        if self.last is None:
            self.waiting.append(diff)
        elif self.market == "spot":
            if diff["u"] <= self.last and not self.bridged:
                return
            assert diff["U"] == self.last + 1 or (not self.bridged and diff["U"] <= self.last + 1)
            self.advance(diff)
        else:
            if diff["u"] < self.last and not self.bridged:
                return
            assert diff["pu"] == self.last or (not self.bridged and diff["U"] <= self.last)
            self.advance(diff)

    def advance(self, diff: dict[str, Any]) -> None:
        self.last, self.bridged = diff["u"], True
        self.put(diff["b"], diff["a"])

    def put(self, bids: list[list[str]], asks: list[list[str]]) -> None:
        for side, levels in (("bid", bids), ("ask", asks)):
            for price, qty in levels:
                self.book[side, Decimal(price)] = Decimal(qty)


def values(columns: MarketColumns) -> tuple[list[int], list[int]]:
    """Ticks and steps of every row."""
    wide = (columns.flags & WIDE) != 0
    price = columns.price_base + columns.price.astype(np.int64)
    qty = columns.qty_scale * columns.qty.astype(np.int64)
    price[wide] = columns.wide_price[columns.price[wide]]
    qty[wide] = columns.wide_qty[columns.price[wide]]
    return price.tolist(), qty.tolist()


@dataclass
class Engine:
    """The book, trades and quotes of the rows."""

    tick: Decimal
    step: Decimal
    book: Book = field(default_factory=dict)
    trades: list[tuple[int, Decimal, Decimal, bool]] = field(default_factory=list)
    quotes: list[tuple[Decimal, Decimal]] = field(default_factory=list)

    def take(self, columns: MarketColumns) -> None:
        prices, qtys = values(columns)
        for flags, at, ticks, steps in zip(
            columns.flags.tolist(), columns.ts_event.tolist(), prices, qtys, strict=True
        ):
            kind, sell = flags & KIND, bool(flags & SELL)
            price, qty = ticks * self.tick, steps * self.step
            if kind == CLEAR:
                self.book.clear()
            elif kind in (DELTA, LEVEL):
                self.book["ask" if sell else "bid", price] = qty
            elif kind == TRADE:
                self.trades.append((at // 1_000_000, price, qty, sell))
            elif kind == QUOTE:
                self.quotes.append((price, qty))
            else:
                raise AssertionError(f"kind {kind} in a recording without gaps")


def lines(path: Path) -> Iterator[bytes]:
    with gzip.open(path) as file:
        yield from file


def decoder(folder: Path, instrument: str, market: str) -> tuple[BinanceRecording, dict[str, str]]:
    definitions = json.loads((folder / "instruments.json").read_text())
    [definition] = [found for found in definitions if found["id"] == instrument]
    return BinanceRecording(market, json.dumps(definition)), definition


@pytest.mark.parametrize("instrument", RECORDINGS)
def test_a_stranger_reads_the_same_market(recorded: Path, instrument: str) -> None:
    market, files = RECORDINGS[instrument]
    recording, definition = decoder(recorded, instrument, market)
    stranger = Stranger(market)
    engine = Engine(Decimal(definition["tick_size"]), Decimal(definition["quantity_step_in_data"]))
    before = 0
    for name in files:
        whole = list(lines(recorded / name))
        for line in whole:
            message = json.loads(line.split(b" ", 1)[1])
            stranger.take(message.get("data", message))
        recording.feed(b"".join(whole))
        found = recording.end_file()
        assert (found["gaps"], found["resyncs"], found["stale_dropped"] > 0) == (0, 0, found["snapshots"] == 1)
        assert (found["lines"], found["ignored"], found["off_step"], found["in_sync"]) == (len(whole), 0, 0, True)
        assert -1_277_000_000 <= found["clock_offset_ns"] <= -1_269_000_000
        assert found["negative_latencies"] == found["timed"] // 1_000
        assert found["last_update_id"] == stranger.last
        columns = MarketColumns(**recording.take())
        assert len(columns) == found["rows"]
        known = columns.ts_event != NO_TIME
        assert bool((columns.ts_recv[known] >= columns.ts_event[known]).all())
        assert columns.ts_recv[0] >= before
        assert bool((np.diff(columns.ts_recv) >= 0).all())
        assert columns.flags[-1] & LAST
        before = int(columns.ts_recv[-1])
        engine.take(columns)
    resting = {level: qty for level, qty in stranger.book.items() if qty}
    assert {level: qty for level, qty in engine.book.items() if qty} == resting
    assert len(resting) > 1_000
    assert max(price for side, price in resting if side == "bid") < min(p for side, p in resting if side == "ask")
    assert engine.trades == stranger.trades
    assert engine.quotes == stranger.quotes


def test_a_lost_line_is_a_gap(recorded: Path) -> None:
    recording, _ = decoder(recorded, "BTC/USDT@binance", "spot")
    whole = list(lines(recorded / "spot_btcusdt_20240808.gz"))
    depth = [number for number, line in enumerate(whole) if b"depthUpdate" in line]
    del whole[depth[2_000]]
    recording.feed(b"".join(whole))
    found = recording.end_file()
    assert (found["gaps"], found["resyncs"], found["in_sync"]) == (1, 0, False)
    columns = MarketColumns(**recording.take())
    kinds = columns.flags & KIND
    [gap] = np.flatnonzero(kinds == GAP)
    assert not np.isin(kinds[gap:], [DELTA, LEVEL]).any(), "no book after the gap"
    assert np.isin(kinds[gap:], [TRADE, QUOTE]).sum() > 1_000, "trades and quotes go on"


def test_every_line_that_can_tell_tells_its_market(recorded: Path) -> None:
    for market, files in RECORDINGS.values():
        for name in files:
            told = {detect_recording(line) for line, _ in zip(lines(recorded / name), range(2_000), strict=False)}
            assert told - {None} == {(market, name.split("_")[1].upper())}
