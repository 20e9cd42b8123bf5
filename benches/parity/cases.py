"""What is compared: instruments, order sizes, latencies and queue models, and the shape of an order as written."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from benches.workloads import columns

MILLISECOND = 1_000_000
WAKE_NS = 100 * MILLISECOND
# Nothing may be under way when the data ends: from here on the strategy only waits.
QUIET_NS = 2_000 * MILLISECOND
SKEW_TICKS, HALF_TICKS, MAX_ORDERS = 0.5, 0.5, 10

# Instrument, its columns under `benches/data`, lots in an order: above the least notional.
INSTRUMENTS = {
    "BTC/USDT@binance": ("raw_spot_btcusdt", 100),
    "ETH/USDT@binance": ("raw_spot_ethusdt", 200),
    "BTC/USDT:USDT@binance": ("raw_usdm_btcusdt", 2),
}
QUEUES = ("risk_averse", "power", "power_of_level", "power_not_ahead", "log", "log_of_both")
LATENCIES = ((1 * MILLISECOND, 1 * MILLISECOND), (25 * MILLISECOND, 40 * MILLISECOND))

# An order: when it was asked for, its side (0 buy), ticks and quantity steps, how and when it ended at the venue, and
# the ticks it filled at (0: it did not).
FIELDS = ("created", "side", "tick", "steps", "state", "ended", "filled_tick")
STATES = ("open", "filled", "canceled", "expired", "rejected")


@dataclass(frozen=True, slots=True)
class Case:
    """One instrument with one queue model and one pair of latencies (entry, response) in ns."""

    instrument: str
    queue: str
    entry: int
    response: int

    @property
    def data(self) -> str:
        """Name of its columns."""
        return INSTRUMENTS[self.instrument][0]

    @property
    def order_lots(self) -> int:
        """Lots in an order."""
        return INSTRUMENTS[self.instrument][1]

    @property
    def name(self) -> str:
        """A name for its file."""
        return f"{self.data}-{self.queue}-{self.entry // MILLISECOND}ms"


def cases() -> Iterator[Case]:
    """Every combination, one instrument after the other."""
    for instrument in INSTRUMENTS:
        for entry, response in LATENCIES:
            for queue in QUEUES:
                yield Case(instrument, queue, entry, response)


def market(name: str) -> tuple[columns.Columns, columns.Columns, dict[str, object]]:
    """The recorded rows as they were received, the snapshot before them, and what is known about them.

    The rows that `workloads.raw` adds to let a recording follow itself are left out.
    """
    rows, about = columns.read(name)
    snapshot, _ = columns.read(f"{name}_snapshot")
    kept = len(rows) - int(about["closing_rows"])
    names = ("ts_event", "ts_recv", "price", "qty", "flags")
    rows = replace(rows, **{column: getattr(rows, column)[:kept] for column in names})
    start = np.full(len(snapshot), rows.ts_event.min(), np.int64)
    # Both sides know the snapshot when the clock starts.
    return rows, replace(snapshot, ts_event=start, ts_recv=start), about
