"""The extension's reader of recorded lines: whole or in pieces, and what it refuses."""

from __future__ import annotations

import json
from dataclasses import fields

import numpy as np
import pytest

from kedge._core import BinanceRecording, decode_binance, detect_recording
from kedge.model.columns import GAP, KIND, MarketColumns
from kedge.model.errors import DataError, UsageError

DEFINITION = json.dumps(
    {
        "id": "BTC/USDT:USDT@binance",
        "symbol": "BTCUSDT",
        "kind": "linear_perpetual",
        "tick_size": "0.1",
        "lot_size": "0.001",
        "quantity_step_in_data": "0.001",
        "min_notional": "100",
        "maker_fee": "0.0002",
        "taker_fee": "0.0005",
    }
)
START = 1_723_161_255_000


def diff(number: int, price: str = "61800.1", qty: str = "2.5") -> bytes:
    """Diff `number` of a stream without gaps, 100 ms apart, received 5 ms after it was sent."""
    sent, last = START + 100 * number, 10 * number
    message = {"e": "depthUpdate", "E": sent, "T": sent - 1, "s": "BTCUSDT", "U": last - 9, "u": last, "pu": last - 10}
    return b"%d %s\n" % ((sent + 5) * 1_000_000, json.dumps(message | {"b": [[price, qty]], "a": []}).encode())


def test_lines_may_come_in_any_pieces() -> None:
    recorded = [diff(number) for number in range(1, 50) if number != 20]
    whole = BinanceRecording("usdm", DEFINITION, 0)
    whole.feed(b"".join(recorded))
    pieces = BinanceRecording("usdm", DEFINITION, continue_from=0)
    for line in recorded:
        pieces.feed(line)
    found = whole.end_file()
    assert pieces.end_file() == found
    assert (found["lines"], found["depth"], found["gaps"], found["in_sync"]) == (48, 48, 1, False)
    assert (found["clock_offset_ns"], found["min_latency_ns"]) == (0, 5_000_000)
    one, other = MarketColumns(**whole.take()), MarketColumns(**pieces.take())
    for column in fields(MarketColumns):
        assert np.array_equal(getattr(one, column.name), getattr(other, column.name)), column.name
    assert len(one) == found["rows"] == 20
    assert one.flags[-1] & KIND == GAP
    assert len(MarketColumns(**whole.take())) == 0


def test_the_arrays_own_their_memory() -> None:
    recording = BinanceRecording("usdm", DEFINITION, 0)
    recording.feed(diff(1, "99999999999999.9") + diff(2, "0.1", "0"))
    recording.end_file()
    taken = recording.take()
    del recording
    types = {name: array.dtype.name for name, array in taken.items() if isinstance(array, np.ndarray)}
    assert types == {
        "ts_event": "int64",
        "ts_recv": "int64",
        "price": "int32",
        "qty": "int32",
        "flags": "uint8",
        "wide_price": "int64",
        "wide_qty": "int64",
    }
    assert taken["wide_price"].tolist() == [999_999_999_999_999, 1]
    assert taken["ts_recv"].tolist() == [(START + 105) * 1_000_000, (START + 205) * 1_000_000]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (b"garbage\n", "line 4: `line` must be `<unix ns> <json>`, was `garbage`"),
        (diff(4, "61800.15"), "line 4: `b[0] price` must be a whole number of ticks of 0.1, was `61800.15`"),
        (diff(4, qty="-2.5"), "line 4: `b[0] quantity` must be at least 0, was `-2.5`"),
        (diff(4)[:-30], "line 4: `message` must be JSON as the venue documents it (EOF while parsing"),
        (diff(4).replace(b"BTC", b"ETH"), "line 4: `s` must be BTCUSDT, was `ETHUSDT`"),
        (diff(1).replace(b"1723161255105", b"1723161254000"), "line 4: `receive time` must run back by at most"),
        (b"1723161255505000000 \xff\n", "line 4: `line` must be UTF-8"),
    ],
)
def test_the_line_of_a_file_is_named(line: bytes, message: str) -> None:
    recording = BinanceRecording("usdm", DEFINITION, 0)
    recording.feed(diff(1))
    recording.end_file()
    recording.feed(diff(2) + diff(2))
    recording.feed(diff(3))
    with pytest.raises(DataError) as refused:
        recording.feed(line)
    assert message in refused.value.message
    assert refused.value.hint


def test_market_and_instrument_must_go_together() -> None:
    with pytest.raises(UsageError, match="`instrument` must be of kind spot for spot data"):
        BinanceRecording("spot", DEFINITION)
    with pytest.raises(UsageError, match='must be "spot" or "usdm", was "coinm"'):
        decode_binance("coinm", DEFINITION, b"{}")
    with pytest.raises(UsageError, match="unknown variant `option`"):
        BinanceRecording("usdm", DEFINITION.replace("linear_perpetual", "option"))


def test_a_line_tells_its_market() -> None:
    assert detect_recording(diff(1)) == ("usdm", "BTCUSDT")
    assert detect_recording(b'1723161255505000000 {"lastUpdateId":1,"bids":[],"asks":[]}') is None
    assert detect_recording(b"garbage") is None
