"""A run made up from a seed: a quoting strategy on spot that earns its spread, a cross on the perpetual that loses.

Everything adds up: fills, fees, positions, equity. `python seeded_run.py FOLDER` writes it as a run folder with report.
"""

from __future__ import annotations

import hashlib
import sys
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from kedge.backtest import metrics, report, run_folder

START = datetime(2024, 8, 8, 12, tzinfo=UTC)
SPOT, PERPETUAL = "BTC/USDT@binance", "BTC/USDT:USDT@binance"
INSTRUMENTS = [
    {"id": SPOT, "tick_size": "0.01", "lot_size": "0.00001", "maker_fee": "0.00001", "taker_fee": "0.0004"},
    {"id": PERPETUAL, "tick_size": "0.1", "lot_size": "0.001", "maker_fee": "0.0002", "taker_fee": "0.0005"},
]
CAPITAL = Decimal(10_000)
WAITS = (1, 10, 60)


@dataclass
class Book:
    """One strategy's account by hand: what its fills make of cash, position and realised PnL."""

    name: str
    instrument: str
    last: Decimal
    cash: Decimal = Decimal(0)
    position: Decimal = Decimal(0)
    average: Decimal = Decimal(0)
    realised: Decimal = Decimal(0)
    fees: Decimal = Decimal(0)
    spread: Decimal = Decimal(0)
    adverse: Decimal = Decimal(0)
    fills: list[dict[str, Any]] = field(default_factory=list)
    positions: list[dict[str, Any]] = field(default_factory=list)

    def fill(
        self, ts: datetime, side: str, price: Decimal, quantity: Decimal, maker: bool, mids: list[float | None]
    ) -> None:
        """Books one fill; `quantity` above zero, `mids` at the fill and 1, 10 and 60 s later."""
        mid = mids[0] or 0.0
        rate = next(entry for entry in INSTRUMENTS if entry["id"] == self.instrument)
        fee = price * quantity * Decimal(rate["maker_fee" if maker else "taker_fee"])
        signed = quantity if side == "buy" else -quantity
        closing = min(abs(signed), abs(self.position)) if self.position * signed < 0 else Decimal(0)
        gained = closing * (price - self.average) * (1 if self.position > 0 else -1)
        after = self.position + signed
        if not closing:
            self.average = (abs(self.position) * self.average + quantity * price) / abs(after)
        elif after * self.position < 0:
            self.average = price
        at, *later = [None if mid is None else Decimal(repr(mid)) for mid in mids]
        known = zip(WAITS, later, strict=True)
        made = {f"markout_{wait}s": None if mid is None else signed * (mid - price) for wait, mid in known}
        self.spread += signed * (at - price)
        self.adverse += signed * ((later[1] or self.last) - at)
        self.cash -= signed * price + fee
        self.position, self.realised, self.fees = after, self.realised + gained, self.fees + fee
        number = len(self.fills)
        self.fills.append(
            {
                "ts": ts, "ts_recv": ts + timedelta(milliseconds=3), "strategy": self.name,
                "instrument": self.instrument, "order_id": 2 * number + 1, "trade_id": 3_700_000_000 + number,
                "side": side, "price": price, "quantity": quantity, "liquidity": "maker" if maker else "taker",
                "fee": fee, "fee_currency": "USDT", "position": after, "realised_pnl": gained,
                "queue_ahead": Decimal(number % 7) / 100 if maker else None,
                "queue_ahead_at_fill": Decimal(number % 3) / 100 if maker else None,
                "toxic": number % 7 > 5 if maker else None, "mid": mid,
                **made,
                **{f"{name}_bps": x and 1e4 * float(x / price / quantity) for name, x in made.items()},
            }
        )  # fmt: skip
        self.note(ts, mid)

    def note(self, ts: datetime, mid: float) -> None:
        """A row of positions.parquet."""
        unrealised = self.position * (Decimal(repr(mid)) - self.average)
        self.positions.append(
            {
                "ts": ts, "strategy": self.name, "instrument": self.instrument, "position": self.position,
                "average_price": float(self.average) if self.position else None, "realised_pnl": self.realised,
                "unrealised_pnl": unrealised, "fees": self.fees,
            }
        )  # fmt: skip

    def split(self) -> dict[str, Decimal]:
        """The parts of the PnL at the last mid."""
        made = self.cash + self.position * self.last + self.fees
        parts = {"spread": self.spread, "adverse_selection": self.adverse, "fees": -self.fees, "funding": Decimal(0)}
        return {**parts, "inventory": made - self.spread - self.adverse, "unexplained": Decimal(0)}

    def worth(self, mid: float) -> Decimal:
        """PnL with the position valued at `mid`."""
        return self.cash + self.position * Decimal(repr(mid))


def tables(
    seed: int = 7, seconds: int = 3600, fills: int = 400, names: tuple[str, str] = ("quoting-btc", "cross-btc")
) -> run_folder.RunTables:
    """A whole run: `fills` fills over `seconds` seconds, one equity sample a second."""
    rng = np.random.default_rng(seed)
    fine = 10
    steps = rng.standard_t(4, seconds * fine + 1) * 0.55 * (1 + 0.7 * np.sin(np.arange(seconds * fine + 1) / 4000))
    path = 61_000 + np.round(np.cumsum(steps) * 0.6, 2)
    last = Decimal(repr(float(path[-1])))
    quoting, cross = Book(names[0], SPOT, last), Book(names[1], PERPETUAL, last)
    equity: list[dict[str, Any]] = []
    moments = np.sort(rng.uniform(0, seconds * 0.999, fills))
    turn = 0
    for second in range(seconds + 1):
        while turn < fills and moments[turn] < second:
            _trade(rng, quoting, cross, float(moments[turn]), path, fine)
            turn += 1
        equity += _sample((quoting, cross), second, round(float(path[second * fine]), 2))
    end, mid = START + timedelta(seconds=seconds), float(path[-1])
    for book in (quoting, cross):
        book.note(end, mid)
    all_fills = sorted(quoting.fills + cross.fills, key=lambda row: row["ts"])
    made = {
        "orders": _orders(rng, all_fills),
        "fills": all_fills,
        "equity": equity,
        "positions": quoting.positions + cross.positions,
        "candles": _candles(rng, path, seconds, fine),
    }
    frames = {name: pl.DataFrame(rows, schema=run_folder.SCHEMAS[name]) for name, rows in made.items()}
    splits = {book.name: book.split() for book in (quoting, cross)}
    whole = {part: sum(split[part] for split in splits.values()) for part in splits[names[0]]}
    meta = {**_meta((quoting, cross), seconds), "splits": {"": whole, **splits}}
    return run_folder.RunTables(meta, **frames, sources={"quoting.py": "# quoting\n"})


def _trade(rng: np.random.Generator, quoting: Book, cross: Book, at: float, path: np.ndarray, fine: int) -> None:
    ts = START + timedelta(microseconds=round(at * 1e6))
    rows = [int((at + wait) * fine) for wait in (0, *WAITS)]
    mids = [round(float(path[row]), 2) if row < len(path) else None for row in rows]
    mid = mids[0] or 0.0
    ahead = float(path[min(len(path) - 1, int(at * fine) + 5 * fine)]) - mid
    if rng.random() < 0.93:
        # The market comes to a quote from the side it moves to; the strategy leans against its position.
        sell = rng.random() < 0.5 + 0.02 * np.sign(ahead) + float(quoting.position) * 6
        half = Decimal(repr(round(float(rng.uniform(0.1, 1.6)), 2)))
        price = Decimal(repr(mid)) + (half if sell else -half)
        quantity = Decimal(int(rng.integers(1, 15))) / 1000
        quoting.fill(ts, "sell" if sell else "buy", price, quantity, True, mids)
        return
    target = Decimal("0.01") * (1 if cross.position <= 0 else -1)
    quantity = abs(target - cross.position)
    side = "buy" if target > cross.position else "sell"
    slip = Decimal("0.1") if side == "buy" else Decimal("-0.1")
    price = (Decimal(repr(mid)) + slip).quantize(Decimal("0.1"), ROUND_HALF_UP)
    cross.fill(ts, side, price, quantity, False, mids)


def _sample(books: tuple[Book, Book], second: int, mid: float) -> list[dict[str, Any]]:
    ts = START + timedelta(seconds=second)
    each = [
        {
            "ts": ts, "strategy": book.name, "equity": CAPITAL + book.worth(mid), "cash": CAPITAL + book.cash,
            "position": book.position, "price": mid,
        }
        for book in books
    ]  # fmt: skip
    total = CAPITAL + sum(book.worth(mid) for book in books)
    cash = CAPITAL + sum(book.cash for book in books)
    return [{"ts": ts, "strategy": "", "equity": total, "cash": cash, "position": None, "price": None}, *each]


def _orders(rng: np.random.Generator, fills: list[dict[str, Any]]) -> list[dict[str, Any]]:
    orders = []
    for fill in fills:
        common = {key: fill[key] for key in ("strategy", "instrument", "side", "price", "quantity")}
        maker = fill["liquidity"] == "maker"
        common |= {"kind": "limit" if maker else "market", "time_in_force": "GTX" if maker else "IOC"}
        waited = timedelta(milliseconds=int(rng.integers(2, 900)))
        common |= {"created": fill["ts"] - waited, "updated": fill["ts"]}
        done = {"order_id": fill["order_id"], "filled": fill["quantity"], "state": "filled", "reason": None}
        gone = {"order_id": fill["order_id"] + 1, "filled": Decimal(0), "state": "canceled", "reason": "by_strategy"}
        orders += [common | done, common | gone] if maker else [common | {"price": None} | done]
    return orders


def _candles(rng: np.random.Generator, path: np.ndarray, seconds: int, fine: int) -> list[dict[str, Any]]:
    width = max(1, seconds // 720)
    rows = []
    for instrument, digits in ((SPOT, 2), (PERPETUAL, 1)):
        for start in range(0, seconds, width):
            part = np.round(path[start * fine : (start + width) * fine + 1], digits)
            rows.append(
                {
                    "instrument": instrument, "start": START + timedelta(seconds=start), "open": float(part[0]),
                    "high": float(part.max()), "low": float(part.min()), "close": float(part[-1]),
                    "volume": float(np.round(rng.gamma(2, 0.8), 5)),
                }
            )  # fmt: skip
    return rows


def _meta(books: tuple[Book, Book], seconds: int) -> dict[str, Any]:
    digest = hashlib.sha256(b"seeded").hexdigest()
    files = {SPOT: "spot_btcusdt_20240808.gz", PERPETUAL: "usdm_btcusdt_20240808.gz"}
    end = START + timedelta(seconds=seconds)
    params = {SPOT: {"half_spread": 1.0, "size": 0.01, "lean": 0.5}, PERPETUAL: {"fast": 10, "slow": 30}}
    return {
        "kedge": "0.1.0",
        "created": datetime(2024, 8, 9, 9, 30, tzinfo=UTC),
        "name": "quoting and cross",
        "strategies": [
            {
                "name": book.name, "file": f"examples/{'quoting' if book.instrument == SPOT else 'ema_cross'}.py",
                "sha256": digest, "instrument": book.instrument, "params": params[book.instrument],
                "limits": {"order_notional": 1000, "position_notional": 5000, "daily_loss": 0.02},
            }
            for book in books
        ],
        "data": [
            {
                "name": files[book.instrument], "sha256": digest, "instrument": book.instrument, "rows": 1_204_511,
                "first": START, "last": end, "clock_offset_ms": -1273.412, "negative_latencies": 12, "gaps": 0,
                "resyncs": 0,
            }
            for book in books
        ],
        "settings": {
            "capital": {"USDT": CAPITAL}, "seed": 7, "funding": "none",
            "latency": {"feed_ms": 2.0, "entry_ms": 5.0, "response_ms": 5.0}, "queue": "power", "partial_fills": True,
        },
        "assumptions": [
            "Our orders do not move the market beyond the levels they take.",
            "A limit order waits behind the whole quantity shown at its price when it arrives (power model, n = 2).",
            "Latency is constant: feed 2 ms, order entry 5 ms, response 5 ms.",
            "Fees are those of the lowest tier.",
            "Funding is not paid.",
        ],
        "warnings": ["Funding is switched off: a perpetual held over a funding time would have paid or earned it."],
        "results": {
            "events": 2_409_022, "gaps": 0, "resyncs": 0, "ledger_imbalance": "0",
            "refusals": {"post_only_would_cross": 31, "order_rate": 4, "price_band": 1},
            "withheld": {"no_short": 118, "below_min_notional": 7}, "trace_hash": digest[:32],
            "balances": {"USDT": CAPITAL}, "start": START, "end": end,
        },
        "instruments": INSTRUMENTS,
        "command": ["kedge", "backtest", "examples/quoting.py", "--data", *files.values(), "--funding", "none"],
    }  # fmt: skip


def write(folder: Path, made: run_folder.RunTables) -> Path:
    """The run folder with its results and its report."""
    meta = dict(made.meta)
    meta["results"] = {**meta["results"], **metrics.results(made)}
    frames = {name: getattr(made, name) for name in run_folder.SCHEMAS}
    run_folder.write(run_folder.RunTables(meta, **frames, sources=made.sources), folder)
    return report.write(folder)


if __name__ == "__main__":
    sys.stdout.write(f"{write(Path(sys.argv[1]), tables())}\n")
