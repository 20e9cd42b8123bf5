"""How a venue clears a run's accounts: funding, margin, borrowing and fees, as settings and definitions give them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from kedge.backtest.markets import Market
from kedge.model.columns import FUNDING, KIND
from kedge.model.durations import SECOND
from kedge.model.errors import DataError, UsageError
from kedge.model.settings import Settings
from kedge.model.stream import RecordedStream

HOUR = 3_600 * SECOND
DEFAULT_HOURS = 8

_TIMES = ("time_utc", "fundingTime", "time", "ts")
_RATES = ("funding_rate", "fundingRate", "funding rate", "rate")


def definitions(settings: Settings, market: Market) -> list[dict[str, Any]]:
    """The definitions of the run's instruments, with what the settings say of tiers and fees beside them.

    Raises `UsageError` for a file of tiers that cannot be read or lacks an instrument that needs them.
    """
    file = settings.account.tiers
    brackets = _brackets(Path(file)) if file else {}
    found = [dict(stream.instrument) for stream in market.streams]
    for definition in found:
        if definition["kind"] != "spot" and file:
            if definition["symbol"] not in brackets:
                held = ", ".join(sorted(brackets)) or "none"
                raise UsageError(
                    f"{file}: no margin tiers of `{definition['symbol']}` ({definition['id']}), only of {held}",
                    "give the venue's leverageBracket answer for it, or margin_tiers in its definition",
                )
            definition["margin_tiers"] = brackets[definition["symbol"]]
        if settings.fees.tiers:
            definition["fee_tiers"] = [
                {"volume": f"{tier.volume:f}", "maker": f"{tier.maker:f}", "taker": f"{tier.taker:f}"}
                for tier in settings.fees.tiers
            ]
        if settings.fees.volume:
            definition["traded_before"] = f"{settings.fees.volume:f}"
    return found


def clearing(
    settings: Settings, market: Market, instruments: Sequence[Mapping[str, Any]], funding: str | None
) -> dict[str, Any] | None:
    """The engine's rules of clearing; None where there is nothing to clear.

    `funding` is `none`, `data` or a file, over what the settings say. Raises `UsageError` where a perpetual has no
    rates or, with margin asked for, no tiers; `DataError` for a series that is wrong.
    """
    perpetual = [definition["kind"] != "spot" for definition in instruments]
    account = settings.account
    margin = account.margin
    untiered = [str(one["id"]) for one in instruments if one["kind"] != "spot" and not one.get("margin_tiers")]
    if margin in ("cross", "isolated") and untiered:
        raise UsageError(
            f"{untiered[0]} has no margin tiers: liquidation cannot be simulated",
            "give the venue's brackets with `tiers` of [account] or margin_tiers in its definition, "
            'or leave liquidation out with margin = "none"',
        )
    borrow = [
        f"{account.borrow[base]:f}" if one["kind"] == "spot" and (base := _base(one)) in account.borrow else None
        for one in instruments
    ]
    if margin == "auto":
        margin = "cross" if not untiered and (any(perpetual) or any(borrow)) else "none"
    rates = [
        _rates(one, stream, market, funding or settings.backtest.funding) if one["kind"] != "spot" else None
        for one, stream in zip(instruments, market.streams, strict=True)
    ]
    if margin == "none" and not any(borrow) and not any(rate is not None for rate in rates):
        return None
    return {
        "margin": margin,
        "leverage": account.leverage,
        "liquidation": account.liquidation,
        "funding": rates,
        "borrow": borrow,
    }


def _base(definition: Mapping[str, Any]) -> str:
    return str(definition["id"]).partition("/")[0]


def _rates(
    definition: Mapping[str, Any], stream: RecordedStream, market: Market, funding: str
) -> str | list[tuple[int, int]] | None:
    if funding == "none":
        return None
    if funding != "data":
        return series(Path(funding), definition, *_span(stream))
    told = any(bool(((block.flags & KIND) == FUNDING).any()) for block in stream.blocks)
    if not told and market.seeded is None:
        raise UsageError(
            f"{definition['id']} is a perpetual and the data hold no funding rates",
            "give them with --funding FILE, or leave funding out with --funding none; the report then says it too",
        )
    return "rows"


def _span(stream: RecordedStream) -> tuple[int, int]:
    times = [block.ts_recv for block in stream.blocks if len(block)]
    return (int(times[0][0]), int(times[-1][-1])) if times else (0, 0)


def series(path: Path, definition: Mapping[str, Any], start: int, end: int) -> list[tuple[int, int]]:
    """(Time in ns, rate in 10⁻⁹) of an instrument's funding between two times, from a Parquet, CSV or JSON file.

    One column is the time, UTC (`time_utc`, `fundingTime`, `time` or `ts`: a timestamp, ISO text, or milliseconds), one
    the rate (`funding_rate`, `fundingRate`, `funding rate` or `rate`). Of a file with several instruments the rows
    count whose `symbol`, or `exchange` and `pair`, are the instrument's. Raises `UsageError` for a file or instrument
    that is not there, `DataError` naming file, row, value and rule.
    """
    table = _read(path)
    table = _own_rows(table, definition, path)
    at = _times(_column(table, _TIMES, path), path)
    rates = _column(table, _RATES, path)
    found: list[tuple[int, int]] = []
    for row, (time, rate) in enumerate(zip(at.tolist(), rates.to_list(), strict=True), 1):
        if found and time <= found[-1][0]:
            raise DataError(
                f"{path}: row {row} of {definition['id']}: times must rise, was {time} after {found[-1][0]}"
            )
        units = None if rate is None else Decimal(str(rate)).scaleb(9)
        if units is None or not units.is_finite() or abs(units) >= 10**9:
            raise DataError(
                f"{path}: row {row} of {definition['id']}: the rate must be a fraction within ±1, was {rate}"
            )
        found.append((time, int(units.to_integral_value())))
    interval = int(definition.get("funding_interval_hours") or DEFAULT_HOURS) * HOUR
    due = range((start // interval + 1) * interval, end + 1, interval)
    paid = np.array([time for time, _ in found], dtype=np.int64)
    missing = [time for time in due if not np.any(np.abs(paid - time) <= 60 * SECOND)]
    if missing:
        first = np.datetime64(missing[0], "ns").astype("datetime64[s]")
        raise DataError(
            f"{path}: {len(missing)} of {len(due)} funding times of {definition['id']} have no rate, "
            f"the first is {first}Z",
            "give a series that covers the data, or leave funding out with --funding none",
        )
    return [(time, rate) for time, rate in found if start < time <= end]


def _read(path: Path) -> pl.DataFrame:
    try:
        if path.suffix == ".parquet":
            return pl.read_parquet(path)
        if path.suffix == ".csv":
            return pl.read_csv(path, infer_schema_length=None)
        if path.suffix == ".json":
            return pl.DataFrame(json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        raise UsageError(f"funding file {path} is not there", "check the path given with --funding") from None
    except (OSError, ValueError, pl.exceptions.PolarsError) as error:
        raise DataError(f"{path}: cannot be read: {error}") from None
    raise UsageError(f"`--funding` must be none, data, or a .parquet, .csv or .json file, was {str(path)!r}")


def _own_rows(table: pl.DataFrame, definition: Mapping[str, Any], path: Path) -> pl.DataFrame:
    symbol, venue = str(definition["symbol"]), str(definition["id"]).rpartition("@")[2]
    if "symbol" in table.columns:
        own = table.filter(pl.col("symbol") == symbol)
    elif {"exchange", "pair"} <= set(table.columns):
        own = table.filter((pl.col("exchange") == venue) & (pl.col("pair") == symbol))
    else:
        return table
    if own.is_empty():
        raise UsageError(f"{path}: no funding of `{symbol}` at {venue}", "it must have the symbol that the venue uses")
    return own


def _column(table: pl.DataFrame, names: Sequence[str], path: Path) -> pl.Series:
    for name in names:
        if name in table.columns:
            return table[name]
    raise DataError(f"{path}: no column {' or '.join(f'`{name}`' for name in names)}, only {', '.join(table.columns)}")


def _times(column: pl.Series, path: Path) -> Any:
    if column.dtype == pl.String:
        try:
            column = column.str.to_datetime(time_unit="ns", time_zone="UTC")
        except pl.exceptions.PolarsError as error:
            raise DataError(f"{path}: `{column.name}` must hold times in UTC: {error}") from None
    if column.dtype.is_integer():
        return column.to_numpy().astype(np.int64) * 1_000_000
    return column.dt.replace_time_zone(None).dt.cast_time_unit("ns").to_physical().to_numpy()


def _brackets(path: Path) -> dict[str, list[dict[str, Any]]]:
    """Tiers by symbol, from Binance's answer to `GET /fapi/v1/leverageBracket` (or `/dapi/v2/leverageBracket`)."""
    try:
        rows = json.loads(path.read_text(encoding="utf-8"), parse_float=Decimal)
    except FileNotFoundError:
        raise UsageError(f"file of margin tiers {path} is not there", "check `tiers` of [account]") from None
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: cannot be read: {error}") from None
    rows = rows if isinstance(rows, list) else [rows]
    try:
        return {row["symbol"]: [_tier(bracket) for bracket in row["brackets"]] for row in rows}
    except (KeyError, TypeError) as error:
        hint = (
            "it must be Binance's answer to leverageBracket: symbol, brackets with notionalFloor and maintMarginRatio"
        )
        raise DataError(f"{path}: `{error.args[0]}` is missing", hint) from None


def _tier(bracket: Mapping[str, Any]) -> dict[str, Any]:
    floor = next(bracket[key] for key in ("notionalFloor", "qtyFloor", "qtylFloor") if key in bracket)
    return {
        "floor": f"{Decimal(floor):f}",
        "maintenance": f"{Decimal(bracket['maintMarginRatio']):f}",
        "leverage": int(bracket["initialLeverage"]),
        "amount": f"{Decimal(bracket['cum']):f}",
    }
