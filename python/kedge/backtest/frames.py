"""The engine's tables as polars frames: exact decimals, names for indices, UTC times."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa

from kedge.backtest.run_folder import SCHEMAS
from kedge.backtest.trades import HORIZONS
from kedge.model import money

_UTC = pl.Datetime("ns", "UTC")
PARTS = ("spread", "adverse_selection", "inventory", "fees", "funding", "unexplained")
_AFTER = tuple(f"{seconds}s" for seconds in HORIZONS)


@dataclass(frozen=True, slots=True)
class Capital:
    """Quote currency put in: into a strategy's account, its own or the shared one, and into all accounts together."""

    each: Decimal
    whole: Decimal


def _decimals(raw: bytes, places: int) -> pl.Series:
    """Little-endian 128-bit integers in units of 10^-places."""
    array = pa.Array.from_buffers(pa.decimal128(38, places), len(raw) // 16, [None, pa.py_buffer(raw)])
    series = pl.from_arrow(array)
    assert isinstance(series, pl.Series)
    return series


def _names(indices: Any, names: Sequence[str]) -> pl.Series:
    return pl.Series(np.asarray(names, dtype=object)[indices] if len(indices) else [], dtype=pl.String)


def _times(nanoseconds: Any) -> pl.Series:
    return pl.Series(nanoseconds).cast(_UTC)


def orders_frame(table: Mapping[str, Any], strategies: Sequence[str], instruments: Sequence[str]) -> pl.DataFrame:
    """Orders by id. A market order has no price."""
    frame = pl.DataFrame(
        {
            "strategy": _names(table["strategy"], strategies),
            "instrument": _names(table["instrument"], instruments),
            "order_id": table["order_id"],
            "side": pl.Series(table["side"], dtype=pl.String),
            "kind": pl.Series(table["kind"], dtype=pl.String),
            "time_in_force": pl.Series(table["time_in_force"], dtype=pl.String),
            "price": _decimals(table["price"], 12),
            "quantity": _decimals(table["quantity"], 12),
            "filled": _decimals(table["filled"], 12),
            "state": pl.Series(table["state"], dtype=pl.String),
            "reason": pl.Series(table["reason"], dtype=pl.String),
            "created": _times(table["created"]),
            "updated": _times(table["updated"]),
        }
    )
    return frame.with_columns(
        pl.when(pl.col("kind") == "limit").then(pl.col("price")),
        pl.when(pl.col("reason") != "").then(pl.col("reason")),
    ).cast(SCHEMAS["orders"])


def fills_frame(
    table: Mapping[str, Any], strategies: Sequence[str], definitions: Sequence[Mapping[str, Any]]
) -> pl.DataFrame:
    """Fills in the order in which they reached us. `realised_pnl` is of this fill."""
    ids = [str(definition["id"]) for definition in definitions]
    spot = {str(d["id"]) for d in definitions if d["kind"] == "spot"}
    realised = pl.col("realised") - pl.col("realised").shift(1, fill_value=Decimal(0)).over("strategy")
    pair = pl.col("instrument").str.split("@").list.first().str.split(":").list.first().str.split("/")
    in_base = pl.col("instrument").is_in(list(spot)) & (pl.col("side") == "buy")
    frame = pl.DataFrame(
        {
            "ts": _times(table["ts"]),
            "ts_recv": _times(table["ts_recv"]),
            "strategy": _names(table["strategy"], strategies),
            "instrument": _names(table["instrument"], ids),
            "order_id": table["order_id"],
            "trade_id": table["trade_id"],
            "side": pl.Series(table["side"], dtype=pl.String),
            "price": _decimals(table["price"], 12),
            "quantity": _decimals(table["quantity"], 12),
            "liquidity": pl.Series(table["liquidity"], dtype=pl.String),
            "fee": _decimals(table["fee"], 16),
            "position": _decimals(table["position"], 12),
            "realised": _decimals(table["realised"], 16),
            "queue_ahead": _decimals(table["queue_ahead"], 12),
            "queue_ahead_at_fill": _decimals(table["queue_ahead_at_fill"], 12),
            "toxic": table["toxic"],
            "mid": table["mid"],
            **{f"markout_{after}": _decimals(table[f"markout_{after}"], 16) for after in _AFTER},
            **{f"mid_{after}": table[f"mid_{after}"] for after in _AFTER},
        }
    )
    frame = frame.with_columns(
        fee_currency=pl.when(in_base).then(pair.list.first()).otherwise(pair.list.last()),
        realised_pnl=realised,
        queue_ahead=_of_makers("queue_ahead"),
        queue_ahead_at_fill=_of_makers("queue_ahead_at_fill"),
        toxic=_of_makers("toxic"),
        **{f"markout_{after}": pl.when(~pl.col(f"mid_{after}").is_nan()).then(f"markout_{after}") for after in _AFTER},
        **{f"markout_{after}_bps": _markout_bps(after) for after in _AFTER},
    )
    return frame.select(SCHEMAS["fills"].names()).cast(SCHEMAS["fills"])


def _of_makers(column: str) -> pl.Expr:
    """Null for takers, and where the venue did not tell."""
    return pl.when((pl.col("liquidity") == "maker") & (pl.col("queue_ahead") >= 0)).then(pl.col(column))


def _markout_bps(after: str) -> pl.Expr:
    price = pl.col("price").cast(pl.Float64)
    sign = pl.when(pl.col("side") == "buy").then(1.0).otherwise(-1.0)
    return sign * (pl.col(f"mid_{after}").fill_nan(None) / price - 1) * 1e4


def splits(rows: Sequence[Mapping[str, int]], strategies: Sequence[str]) -> dict[str, dict[str, Decimal]]:
    """The parts of the PnL in quote currency, of the account (under "") and of each strategy.

    `unexplained` is what they leave of the ledger's PnL: 0.
    """
    whole = {part: sum(row[part] for row in rows) for part in PARTS}
    named = {"": whole, **dict(zip(strategies, rows, strict=True))}
    return {name: {part: money.amount(row[part]) for part in PARTS} for name, row in named.items()}


def positions_frame(table: Mapping[str, Any], fills: pl.DataFrame) -> pl.DataFrame:
    """What each strategy held after each fill, and what it had made by then."""
    cost = _decimals(table["cost"], 16).cast(pl.Float64) / fills["position"].cast(pl.Float64)
    frame = fills.select(
        ts=pl.col("ts_recv"),
        strategy=pl.col("strategy"),
        instrument=pl.col("instrument"),
        position=pl.col("position"),
        average_price=cost,
        realised_pnl=_decimals(table["realised"], 16),
        unrealised_pnl=_decimals(table["unrealised"], 16),
        fees=_decimals(table["fees"], 16),
    )
    average = pl.when(pl.col("position") != 0).then(pl.col("average_price"))
    return frame.with_columns(average).cast(SCHEMAS["positions"])


def equity_frame(
    table: Mapping[str, Any], strategies: Sequence[str], kinds: Sequence[str], capital: Capital
) -> pl.DataFrame:
    """One row a sample for all accounts together (strategy "") and for each strategy.

    Equity is capital plus PnL. Cash is what is not in positions: of spot their value is taken off, of a perpetual
    nothing, since it moves cash only by what is realised.
    """
    pnl, value = _decimals(table["pnl"], 16), _decimals(table["value"], 16)
    spot = pl.Series([kinds[i] == "spot" for i in table["strategy"]], dtype=pl.Boolean)
    own = pl.DataFrame(
        {
            "ts": _times(table["ts"]),
            "strategy": _names(table["strategy"], strategies),
            "pnl": pnl,
            "held": value,
            "spot": spot,
            "position": _decimals(table["position"], 12),
            "price": pl.Series(table["price"]),
        }
    ).with_columns(held=pl.when(pl.col("spot")).then(pl.col("held")).otherwise(Decimal(0)))
    whole = own.group_by("ts", maintain_order=True).agg(pl.col("pnl").sum(), pl.col("held").sum())
    whole = whole.with_columns(
        strategy=pl.lit(""), position=pl.lit(None, dtype=pl.Decimal(38, 12)), price=pl.lit(None, dtype=pl.Float64)
    )
    columns = ["ts", "strategy", "pnl", "held", "position", "price"]
    both = pl.concat([whole.select(columns), own.select(columns)]).sort("ts", maintain_order=True)
    whole_capital, each = (pl.lit(amount).cast(pl.Decimal(38, 16)) for amount in (capital.whole, capital.each))
    equity = pl.col("pnl") + pl.when(pl.col("strategy") == "").then(whole_capital).otherwise(each)
    frame = both.with_columns(equity=equity, cash=equity - pl.col("held"))
    return frame.select(SCHEMAS["equity"].names()).cast(SCHEMAS["equity"])
