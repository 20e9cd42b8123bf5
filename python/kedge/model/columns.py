"""A block of market events as narrow NumPy columns: the shape the engine reads without a copy."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class MarketColumns:
    """One block of events of one instrument, in the order received; 25 bytes a row.

    The seven arrays are C-contiguous; the first five have one length. A row whose `flags` lack `WIDE` has the price
    `price_base + price` (ticks) and the quantity `qty_scale * qty` (quantity steps); a row with it has
    `wide_price[price]` and `wide_qty[price]`. `ts_event` is the venue's time or `NO_TIME`, `ts_recv` ours with the
    recorder's clock corrected, both ns since the epoch, UTC. Flags: bits 0-3 kind (0 delta, 1 trade, 2 clear,
    3 snapshot level, 4 quote, 5 gap, 6 funding, 7 mark; of single orders 8 add, 9 change, 10 remove), 16 ask side or
    seller, 32 last row of its packet, 64 wide. `order` has the venue's number of the order of each row, where single
    orders are told.
    """

    ts_event: NDArray[np.int64]
    ts_recv: NDArray[np.int64]
    price: NDArray[np.int32]
    qty: NDArray[np.int32]
    flags: NDArray[np.uint8]
    wide_price: NDArray[np.int64]
    wide_qty: NDArray[np.int64]
    price_base: int
    qty_scale: int
    order: NDArray[np.uint64] | None = None

    def __len__(self) -> int:
        return len(self.flags)


NO_TIME = -(2**63)
KIND, SELL, LAST, WIDE = 0b1111, 16, 32, 64
DELTA, TRADE, CLEAR, LEVEL, QUOTE, GAP, FUNDING, MARK, ADD, CHANGE, REMOVE = range(11)
