"""The data behind the charts and the fills table, as compact JSON values.

Times are seconds since the epoch, UTC (fills: microseconds, each after the first as the distance to the one before).
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from kedge.backtest import trades
from kedge.backtest.report.downsample import extremes
from kedge.backtest.report.view import View

EQUITY_POINTS: Final = 5_000
LINES: Final = 6
"""At most so many strategies are drawn beside the account: those that made or lost most."""
CHARTS: Final = 12
"""At most so many instruments have candles in the report: those traded most."""
_LARGEST_EXACT: Final = 2**53


def payload(view: View) -> dict[str, Any]:
    """Everything the page's script reads."""
    return {
        "currency": view.currency,
        "decimals": view.decimals,
        "equity": equity(view),
        "markets": markets(view),
        "fills": fills(view),
    }


def equity(view: View) -> dict[str, Any]:
    """The account's equity and its fall below the peak, and the equity of the strategies at the same times."""
    samples = view.tracks[""].samples.unique("ts", keep="last", maintain_order=True)
    if not len(samples):
        return {"t": [], "account": [], "drawdown": [], "strategies": []}
    account = samples["equity"].cast(pl.Float64).to_numpy()
    fall = account - np.maximum.accumulate(account)
    made = {name: abs(float(view.tracks[name].pnl or 0)) for name in view.names}
    drawn = sorted(view.names, key=lambda name: -made[name])[:LINES]
    lines = {name: _at_times(view, name, samples["ts"]) for name in view.names if name in drawn}
    keep = [int(fall.argmin())]
    for line in lines.values():
        keep += [int(line.argmin()), int(line.argmax())]
    rows = extremes(account, EQUITY_POINTS - len(keep), keep)
    digits = view.decimals + 2
    return {
        "t": _seconds(samples["ts"])[rows].tolist(),
        "account": account[rows].round(digits).tolist(),
        "drawdown": fall[rows].round(digits).tolist(),
        "strategies": [
            {"name": name, "values": (line[rows] - line[0] + account[0]).round(digits).tolist()}
            for name, line in lines.items()
        ],
    }


def markets(view: View) -> list[dict[str, Any]]:
    """Candles of each traded instrument and the position held in it at the end of each."""
    counts = dict(view.run.fills.group_by("instrument").len().iter_rows())
    shown = sorted(view.instruments, key=lambda instrument: -counts.get(instrument, 0))[:CHARTS]
    return [_market(view, instrument) for instrument in view.instruments if instrument in shown]


def _market(view: View, instrument: str) -> dict[str, Any]:
    candles = view.run.candles.filter(pl.col("instrument") == instrument).unique("start", keep="last").sort("start")
    start = _seconds(candles["start"])
    interval = float(np.median(np.diff(start))) if len(start) > 1 else 60.0
    digits = view.price_decimals(instrument)
    position = np.zeros(len(start))
    for entry in view.run.meta["strategies"]:
        if entry["instrument"] == instrument:
            position += _position_at(view, entry["name"], start + interval)
    columns = {name: candles[name].to_numpy().round(digits).tolist() for name in ("open", "high", "low", "close")}
    base, quote = trades.currencies(instrument)
    return {
        "instrument": instrument,
        "base": base,
        "quote": quote,
        "priceDecimals": digits,
        "quantityDecimals": view.quantity_decimals(instrument),
        "interval": interval,
        "t": start.tolist(),
        **columns,
        "volume": candles["volume"].to_numpy().round(8).tolist(),
        "position": position.round(view.quantity_decimals(instrument)).tolist(),
    }


def fills(view: View) -> dict[str, Any]:
    """Every fill, a list a column: codes for names, null for what is not known, bps with two decimals."""
    table = view.tracks[""].fills
    price = trades.floats(table, "price")
    times = table["ts"].to_physical().to_numpy() // 1000
    ids = table["order_id"]
    large = len(ids) > 0 and int(ids.max() or 0) >= _LARGEST_EXACT  # type: ignore[arg-type]
    instruments = list(dict.fromkeys(table["instrument"].to_list()))
    paid = [None if fee is None else round(float(fee), 10) for fee in view.tracks[""].fees_each]
    after = {f"markout{seconds}": trades.floats(table, f"markout_{seconds}s_bps") for seconds in trades.HORIZONS}
    return {
        "strategies": view.names,
        "instruments": instruments,
        "quantityDecimals": [view.quantity_decimals(instrument) for instrument in instruments],
        "priceDecimals": [view.price_decimals(instrument) for instrument in instruments],
        "time": np.diff(times, prepend=0).tolist(),
        "strategy": _codes(table["strategy"], view.names),
        "instrument": _codes(table["instrument"], instruments),
        "side": (table["side"] == "buy").cast(pl.Int8).to_list(),
        "liquidity": (table["liquidity"] == "maker").cast(pl.Int8).to_list(),
        "price": price.tolist(),
        "quantity": trades.floats(table, "quantity").tolist(),
        "fee": paid,
        "edge": _bps(trades.edges(table), price),
        **{name: _nullable(values, 2) for name, values in after.items()},
        "queue": _nullable(trades.floats(table, "queue_ahead"), 8),
        "queueFill": _nullable(trades.floats(table, "queue_ahead_at_fill"), 8),
        "toxic": (table["toxic"].cast(pl.Int8) + 1).fill_null(0).to_list(),
        "position": trades.floats(table, "position").tolist(),
        "realised": trades.floats(table, "realised_pnl").round(8).tolist(),
        "order": ids.cast(pl.String).to_list() if large else ids.to_list(),
    }


def _at_times(view: View, name: str, times: pl.Series) -> NDArray[np.float64]:
    """A strategy's equity at the account's sample times, its first before it has one."""
    own = view.tracks[name].samples
    if not len(own):
        return np.zeros(len(times))
    rows = np.searchsorted(own["ts"].to_physical().to_numpy(), times.to_physical().to_numpy(), side="right") - 1
    return np.asarray(own["equity"].cast(pl.Float64).to_numpy()[np.maximum(rows, 0)])


def _position_at(view: View, name: str, ends: NDArray[np.float64]) -> NDArray[np.float64]:
    """A strategy's position just before each of the times; 0 before the first sample."""
    own = view.tracks[name].samples
    held = np.append(0.0, np.nan_to_num(trades.floats(own, "position")))
    return held[np.searchsorted(_seconds(own["ts"]), ends, side="left")]


def _seconds(times: pl.Series) -> NDArray[np.float64]:
    return np.asarray(times.to_physical().to_numpy() / 1e9)


def _codes(column: pl.Series, names: list[str]) -> list[int]:
    return column.replace_strict({name: code for code, name in enumerate(names)}, return_dtype=pl.Int32).to_list()


def _bps(amount: NDArray[np.float64], price: NDArray[np.float64]) -> list[float | None]:
    return _nullable(1e4 * amount / price, 2)


def _nullable(values: NDArray[np.float64], digits: int) -> list[float | None]:
    return [None if value != value else value for value in values.round(digits).tolist()]  # NaN is not itself
