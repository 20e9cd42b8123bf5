"""What fills add up to: round trips, what they earned against the mid, and where the mid went after them.

In: the `fills` and `equity` tables of a run. Money is in quote currency, positions in base units.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, localcontext

import numpy as np
import polars as pl
from numpy.typing import NDArray

ZERO = Decimal(0)
HORIZONS = (1, 10, 60)
"""Seconds after a fill at which its markout is taken."""


def currencies(instrument: str) -> tuple[str, str]:
    """Base and quote of an instrument id: `BTC/USDT:USDT@binance` → `("BTC", "USDT")`."""
    base, _, rest = instrument.partition("@")[0].partition("/")
    return base, rest.partition(":")[0]


def quote_fees(fills: pl.DataFrame) -> list[Decimal | None]:
    """Each fill's fee in quote currency; one in base is valued at the fill's price, any other cannot be: None."""
    columns = [fills[name].to_list() for name in ("instrument", "fee_currency", "fee", "price")]
    known = {instrument: currencies(instrument) for instrument in fills["instrument"].unique()}
    with localcontext(prec=76):
        return [_in_quote(*known[instrument], *rest) for instrument, *rest in zip(*columns, strict=True)]


def _in_quote(base: str, quote: str, currency: str, fee: Decimal, price: Decimal) -> Decimal | None:
    if currency == quote or not fee:
        return fee
    return fee * price if currency == base else None


@dataclass(frozen=True, slots=True)
class RoundTrip:
    """From flat to flat again (or through zero) in one instrument."""

    strategy: str
    instrument: str
    opened: datetime
    closed: datetime
    pnl: Decimal
    """After fees, in quote currency."""

    @property
    def seconds(self) -> float:
        """How long it was held."""
        return (self.closed - self.opened).total_seconds()


@dataclass(slots=True)
class _Open:
    """A position on its way: since when, and what it has made so far."""

    since: datetime
    pnl: Decimal


def round_trips(fills: pl.DataFrame, fees: Sequence[Decimal | None], lots: Mapping[str, Decimal]) -> list[RoundTrip]:
    """The closed round trips, in the order they closed; a strategy starts flat.

    A position smaller than the instrument's lot (`lots`, by instrument id) counts as flat: dust that a fee in base
    leaves behind cannot be sold. A fill that turns the position closes one trip and opens the next; its fee is split
    by quantity. `fees` are those of `quote_fees`; one that is None counts as 0.
    """
    trips: list[RoundTrip] = []
    running: dict[tuple[str, str], tuple[Decimal, _Open | None]] = {}
    columns = fills.select("strategy", "instrument", "ts", "position", "realised_pnl")
    with localcontext(prec=76):
        for row, fee in zip(columns.iter_rows(), fees, strict=True):
            strategy, instrument, ts, after, realised = row
            before, trip = running.get((strategy, instrument), (ZERO, None))
            lot, paid = lots.get(instrument, ZERO), fee or ZERO
            opening = _opening_share(before, after, lot)
            if trip is not None:
                trip.pnl += realised - paid * (1 - opening)
                if opening or _is_flat(after, lot):
                    trips.append(RoundTrip(strategy, instrument, trip.since, ts, trip.pnl))
                    trip = None
            if opening and not _is_flat(after, lot):
                trip = _Open(ts, -paid * opening)
            running[strategy, instrument] = (after, trip)
    return trips


def _is_flat(position: Decimal, lot: Decimal) -> bool:
    return position == 0 or abs(position) < lot


def _opening_share(before: Decimal, after: Decimal, lot: Decimal) -> Decimal:
    """The part of a fill that opens a new position: 1 from flat, 0 unless it turns the old one."""
    if _is_flat(before, lot):
        return Decimal(1)
    if before * after >= 0 or _is_flat(after, lot):
        return ZERO
    return abs(after) / (abs(before) + abs(after))


def signed(fills: pl.DataFrame) -> NDArray[np.float64]:
    """+1 for each buy, −1 for each sell."""
    return np.where(fills["side"].to_numpy() == "buy", 1.0, -1.0)


def notional(fills: pl.DataFrame) -> Decimal:
    """Σ price × quantity, exact, in quote currency."""
    with localcontext(prec=76):
        return sum((price * quantity for price, quantity in fills.select("price", "quantity").iter_rows()), ZERO)


def floats(table: pl.DataFrame, column: str) -> NDArray[np.float64]:
    """A column as float64, null as NaN."""
    return table[column].cast(pl.Float64).fill_null(float("nan")).to_numpy()


def edges(fills: pl.DataFrame) -> NDArray[np.float64]:
    """What each fill earned against the mid at that moment, in quote currency a base unit; paid is negative, NaN
    where there was no mid."""
    return signed(fills) * (floats(fills, "mid") - floats(fills, "price"))


def markouts(fills: pl.DataFrame) -> dict[int, NDArray[np.float64]]:
    """For each horizon h of `HORIZONS`: side · (mid h seconds after the fill − price) · quantity, in quote currency;
    NaN where that mid is not known."""
    return {horizon: floats(fills, f"markout_{horizon}s") for horizon in HORIZONS}


def sample_spacing(samples: pl.DataFrame) -> int | None:
    """The median distance of consecutive sample times, in ns; None with fewer than two."""
    times = samples["ts"].unique().sort().to_physical().to_numpy()
    return int(np.median(np.diff(times))) if len(times) > 1 else None
