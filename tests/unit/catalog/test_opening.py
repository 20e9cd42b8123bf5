"""Reading from a moment inside a recording: the rows from there on, and before them the book at that moment."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kedge.catalog import Catalog
from kedge.catalog.opening import book_at
from kedge.catalog.packing import unpack
from kedge.model.columns import CLEAR, DELTA, GAP, KIND, LAST, LEVEL, NO_TIME, SELL, TRADE, MarketColumns
from kedge.model.stream import RecordedStream

BTC = "BTC/USDT@simulated"
START = 10**18


class NaiveBook:
    """Levels by (side, price), or `None` while the book is not in sync."""

    def __init__(self) -> None:
        self.levels: dict[tuple[int, int], int] | None = None

    def take(self, block: MarketColumns, end: int | None = None) -> NaiveBook:
        rows = unpack(block, 0, end)
        for flags, price, qty in zip(rows.flags.tolist(), rows.price.tolist(), rows.qty.tolist(), strict=True):
            kind = flags & KIND
            if kind == CLEAR:
                self.levels = {}
            elif kind == GAP:
                self.levels = None
            elif kind in (DELTA, LEVEL) and self.levels is not None:
                self.levels[flags & SELL, price] = qty
        return self

    def held(self) -> dict[tuple[int, int], int] | None:
        return None if self.levels is None else {level: qty for level, qty in self.levels.items() if qty}


packets = st.lists(
    st.tuples(
        st.integers(0, 3),  # ns since the packet before
        st.sampled_from([DELTA] * 6 + [TRADE] * 2 + [CLEAR, GAP]),
        st.lists(st.tuples(st.sampled_from([0, SELL]), st.integers(1, 6), st.integers(0, 3)), min_size=1, max_size=4),
    ),
    min_size=1,
    max_size=40,
)


def events_of(packets: list, begin: int) -> list[tuple[int, int, int, int, int]]:
    events, now = [], begin
    for wait, kind, rows in packets:
        now += wait
        if kind == GAP:
            events.append((now, now, GAP, 0, 0))
        else:
            events += [(NO_TIME, now, CLEAR, 0, 0)] if kind == CLEAR else []
            inner = LEVEL if kind == CLEAR else kind
            events += [(now, now, inner | side, price, qty * 1_000) for side, price, qty in rows]
        events[-1] = (*events[-1][:2], events[-1][2] | LAST, *events[-1][3:])
    return events


@settings(max_examples=500, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(first=packets, second=packets, moment=st.integers(0, 250))
def test_the_opening_is_the_book_at_that_moment(first: list, second: list, moment: int, pack_slowly: Callable) -> None:
    one, two = pack_slowly(events_of(first, START), 3, 1), pack_slowly(events_of(second, START + 125), 3, 1_000)
    moment += START
    cut_one, cut_two = (int(np.searchsorted(block.ts_recv, moment)) for block in (one, two))
    opening = book_at(moment, [(two, cut_two), (one, cut_one)])
    expected = NaiveBook().take(one, cut_one).take(two, cut_two).held()
    assert (None if opening is None else NaiveBook().take(opening).held()) == expected
    if opening is not None:
        assert set(opening.ts_recv.tolist()) == {moment}
        assert set(opening.ts_event.tolist()) == {NO_TIME}
        assert [int(flags & LAST) for flags in opening.flags] == [0] * (len(opening) - 1) + [LAST]
        rows = unpack(opening, 1)
        assert (rows.qty > 0).all()
        bids, asks = rows.price[rows.flags & SELL == 0], rows.price[rows.flags & SELL != 0]
        assert list(bids) == sorted(bids, reverse=True)
        assert list(asks) == sorted(asks)


@pytest.mark.parametrize("linked", [True, False])
def test_a_book_goes_on_only_from_the_segment_it_went_on_from(
    tmp_path: Path, make_stream: Callable, market: Callable, linked: bool
) -> None:
    later = [event for event in market(START + 10**9) if event[2] & KIND in (DELTA, TRADE)]
    stream = make_stream(("1.gz", market(START)), ("2.gz", later))
    stream.sources[0].update(last_update_id=7, in_sync=True)
    stream.sources[1].update(continue_from=7 if linked else None)
    catalog = Catalog(tmp_path)
    catalog.write(stream)
    moment = START + 10**9 + 20 * 10**6
    read = catalog.read(BTC, start=moment)
    assert len(read.sources) == 1
    assert len(read.blocks) == (2 if linked else 1)
    if linked:
        cut = int(np.searchsorted(stream.blocks[1].ts_recv, moment))
        expected = NaiveBook().take(stream.blocks[0]).take(stream.blocks[1], cut).held()
        assert NaiveBook().take(read.blocks[0]).held() == expected
        # In the hole between the two, the book is the one that the first left.
        between = catalog.read(BTC, start=START + 5 * 10**8)
        assert NaiveBook().take(between.blocks[0]).held() == NaiveBook().take(stream.blocks[0]).held()


def test_a_stretch_is_cut_between_packets(tmp_path: Path, make_stream: Callable, market: Callable) -> None:
    catalog = Catalog(tmp_path)
    stream: RecordedStream = make_stream(("1.gz", market(START, 100)))
    catalog.write(stream)
    read = catalog.read(BTC, start=START, end=START + 1)
    assert [len(block) for block in read.blocks] == [5]  # the whole snapshot, and no opening before it
    read = catalog.read(BTC, start=START + 10 * 10**6, end=START + 20 * 10**6)
    assert [len(block) for block in read.blocks] == [9, 10]
    assert read.sources[0]["first"] == "2001-09-09T01:46:40.010000000Z"
    assert read.sources[0]["last"] == "2001-09-09T01:46:40.019000000Z"
    assert catalog.read(BTC, end=START + 20 * 10**6).rows == 24
