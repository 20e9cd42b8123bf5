"""Bars (open, high, low, close, volume) from CSV or Parquet → a `RecordedStream` of the trades they stand for.

A bar does not tell in which order its extremes were reached. By the rule `nearer_first` (the default) the price went
from the open to the extreme nearer to it, then to the other, then to the close; `farther_first`, `high_first` and
`low_first` are the alternatives. Each point is a trade with a quarter of the bar's volume: at the bar's open, a third
and two thirds of the way through it, and just before its end. Source: the order that most bar backtesters assume.
Assumption: between two points the price passes every price in between, once. Flatters whoever quotes inside a bar: a
price that went back and forth fills orders that one path would not, and the other way round.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Final, Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray

from kedge.catalog.packing import Rows, pack
from kedge.model import instruments
from kedge.model.columns import LAST, SELL, TRADE, MarketColumns
from kedge.model.durations import SECOND
from kedge.model.errors import DataError, UsageError
from kedge.model.instruments import Instrument
from kedge.model.stream import RecordedStream, Source
from kedge.model.times import iso

BarPath = Literal["nearer_first", "farther_first", "high_first", "low_first"]
SUFFIXES: Final = (".csv", ".parquet")
PRICES: Final = ("open", "high", "low", "close")
_TIMES: Final = ("time", "open_time", "timestamp", "ts")
_UNITS: Final = ((10**17, 1), (10**14, 1_000), (10**11, 1_000_000), (0, SECOND))


def is_bars(name: str) -> bool:
    """Whether a file of this name would hold bars: recordings have other endings."""
    return Path(name).suffix in SUFFIXES


def read(name: str, definitions: Path | None, only: str | None, path: BarPath) -> RecordedStream:
    """The trades that a file of bars stands for.

    The columns are `time` (when the bar opens: s, ms, us or ns since the epoch, or ISO text), `open`, `high`, `low`,
    `close`, `volume` (base units). The instrument is `only`, or the one that the definitions hold. Raises `DataError`
    naming file, row, value and rule; `UsageError` where the file or the instrument is not there.
    """
    file = Path(name)
    known = instruments.load(definitions or file.parent / "instruments.json")
    if only is None and len(known.all) != 1:
        held = ", ".join(instrument.id for instrument in known.all)
        raise UsageError(f"{file} does not tell its instrument", f"name it with --instrument: {held}")
    instrument = known.all[0] if only is None else known.find(only)
    frame = _frame(file)
    times, prices, volume = _checked(file, frame)
    rows, every = _trades(times, prices, volume, instrument, path)
    return RecordedStream(dict(instrument.definition), [_packed(rows)], [_source(file, times, every, rows)])


def _frame(file: Path) -> pl.DataFrame:
    try:
        frame = pl.read_csv(file) if file.suffix == ".csv" else pl.read_parquet(file)
    except FileNotFoundError:
        raise UsageError(f"{file} is not there", "check the path given with --data") from None
    except (pl.exceptions.PolarsError, OSError) as error:
        raise DataError(f"{file} cannot be read: {error}".splitlines()[0], "make it a CSV or Parquet file") from None
    frame = frame.rename({column: column.strip().lower() for column in frame.columns})
    time = next((column for column in _TIMES if column in frame.columns), None)
    missing = [column for column in (*PRICES, "volume") if column not in frame.columns]
    if time is None or missing:
        what = ", ".join([*(["time"] if time is None else []), *missing])
        raise DataError(f"{file} has no column {what}; it has {', '.join(frame.columns)}")
    if not len(frame):
        raise DataError(f"{file} has no bars")
    return frame.select(pl.col(time).alias("time"), *PRICES, "volume")


def _checked(file: Path, frame: pl.DataFrame) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]:
    """Times in ns, prices by column, volumes: each rule held, or the first row that breaks one named."""
    first_row = 2 if file.suffix == ".csv" else 1

    def refuse(bad: NDArray[np.bool_], column: str, rule: str) -> None:
        if bad.any():
            row = int(np.flatnonzero(bad)[0])
            raise DataError(f"{file}, row {row + first_row}: `{column}` {rule}, was {frame[column][row]}")

    try:
        numbers = {
            name: frame[name].cast(pl.Float64).fill_null(float("nan")).to_numpy() for name in (*PRICES, "volume")
        }
    except pl.exceptions.PolarsError as error:
        raise DataError(f"{file}: prices and volumes must be numbers: {str(error).splitlines()[0]}") from None
    for name in PRICES:
        refuse(~np.isfinite(numbers[name]) | (numbers[name] <= 0), name, "must be a finite number above 0")
    refuse(~np.isfinite(numbers["volume"]) | (numbers["volume"] < 0), "volume", "must be a finite number, 0 or more")
    refuse(numbers["high"] < numbers["low"], "high", "must not be below `low`")
    for name in ("open", "close"):
        outside = (numbers[name] > numbers["high"]) | (numbers[name] < numbers["low"])
        refuse(outside, name, "must lie between `low` and `high`")
    times = _nanoseconds(file, frame["time"])
    refuse(np.diff(times, prepend=times[0] - 1) <= 0, "time", "must be after that of the row before")
    return times, np.stack([numbers[name] for name in PRICES], axis=1), numbers["volume"]


def _nanoseconds(file: Path, time: pl.Series) -> NDArray[np.int64]:
    try:
        if time.dtype == pl.String:
            time = time.str.to_datetime(time_unit="ns", time_zone="UTC")
        if time.dtype.is_temporal():
            return time.dt.epoch("ns").to_numpy().astype(np.int64)
        count = time.cast(pl.Int64).to_numpy()
    except pl.exceptions.PolarsError as error:
        raise DataError(f"{file}: `time` is no time: {str(error).splitlines()[0]}") from None
    scale = next(scale for least, scale in _UNITS if abs(int(count[0])) >= least)
    return np.asarray(count * scale, np.int64)


def _trades(
    times: NDArray[np.int64],
    prices: NDArray[np.float64],
    volume: NDArray[np.float64],
    instrument: Instrument,
    path: BarPath,
) -> tuple[Rows, int]:
    """Four trades a bar along its path, and the bars' length in ns. A bar without volume makes none."""
    every = int(np.median(np.diff(times))) if len(times) > 1 else 60 * SECOND
    ticks = np.rint(prices / float(instrument.tick_size)).astype(np.int64)
    steps = np.rint(volume / float(instrument.quantity_step_in_data)).astype(np.int64)
    opens, highs, lows, closes = ticks.T
    nearer = highs - opens <= opens - lows
    up_first = {"nearer_first": nearer, "farther_first": ~nearer}.get(path, np.full(len(times), path == "high_first"))
    first, second = np.where(up_first, highs, lows), np.where(up_first, lows, highs)
    points = np.stack([opens, first, second, closes], axis=1)
    quarter = steps // 4
    quantities = np.stack([quarter, quarter, quarter, steps - 3 * quarter], axis=1)
    moments = times[:, None] + np.array([0, every // 3, 2 * every // 3, every - 1])
    points, quantities, moments = points.ravel(), np.maximum(quantities.ravel(), 0), moments.ravel()
    # Who moved the price up bought; where it stands still, as before.
    moved = np.sign(np.diff(points, prepend=points[0]))
    last = np.maximum.accumulate(np.where(moved != 0, np.arange(len(moved)), 0))
    sells = moved[last] < 0
    kept = np.repeat(steps > 0, 4) & (quantities > 0)
    flags = (TRADE | LAST | np.where(sells, SELL, 0)).astype(np.uint8)
    return Rows(moments[kept], moments[kept], points[kept], quantities[kept], flags[kept]), every


def _packed(rows: Rows) -> MarketColumns:
    scale = 1
    while rows.qty.any() and not np.any(rows.qty % (scale * 10)):
        scale *= 10
    base = int(rows.price.min() + rows.price.max()) // 2 if len(rows) else 0
    return pack(rows, base, scale)


def _source(file: Path, times: NDArray[np.int64], every: int, rows: Rows) -> Source:
    content = file.read_bytes()
    return Source(
        name=str(file),
        sha256=hashlib.sha256(content).hexdigest(),
        bytes=len(content),
        rows=len(rows.flags),
        gaps=0,
        resyncs=0,
        clock_offset_ms=0.0,
        negative_latencies=0,
        first=iso(int(times[0])),
        last=iso(int(times[-1]) + every - 1),
        bars=len(times),
        bar_ns=every,
        bar_first_ns=int(times[0]),
        bars_missing=int(np.maximum(np.rint(np.diff(times) / every).astype(np.int64) - 1, 0).sum()),
    )
