"""A few recorded lines as Binance sends them, and files of them."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

START = 1_723_161_254_000_000_000
MS = 10**6

DEFINITIONS = [
    {
        "id": "BTC/USDT@binance",
        "symbol": "BTCUSDT",
        "kind": "spot",
        "tick_size": "0.01",
        "lot_size": "0.00001",
        "quantity_step_in_data": "0.00000001",
        "min_notional": "5",
        "maker_fee": "0.001",
        "taker_fee": "0.001",
    },
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
    },
]


def message(received: int, stream: str, data: dict[str, object]) -> str:
    return f"{received} {json.dumps({'stream': 'btcusdt@' + stream, 'data': data}, separators=(',', ':'))}"


def depth(received: int, first: int, last: int, sent: int | None = None) -> str:
    """A spot diff of updates `first` to `last`, sent `sent` (ns; a millisecond before it was received)."""
    event = (received - MS if sent is None else sent) // MS
    levels = [[f"{61_000 + last % 10}.00000000", "1.50000000"]]
    data = {"e": "depthUpdate", "E": event, "s": "BTCUSDT", "U": first, "u": last, "b": levels, "a": []}
    return message(received, "depth@100ms", data)


def trade(received: int, number: int) -> str:
    event = received // MS - 1
    data = {"e": "trade", "E": event, "s": "BTCUSDT", "t": number, "p": "61000.01000000", "q": "0.00100000", "T": event}
    return message(received, "trade", {**data, "m": number % 2 == 0, "M": True})


def snapshot(received: int, last: int) -> str:
    levels = {"bids": [["61000.00000000", "1.00000000"]], "asks": [["61000.01000000", "2.00000000"]]}
    return f"{received} {json.dumps({'lastUpdateId': last, **levels}, separators=(',', ':'))}"


def a_minute(begin: int, first_id: int, with_snapshot: bool = True) -> list[str]:
    """600 lines: a snapshot if wanted, then diffs of ten updates and trades in turn, 100 ms apart."""
    lines = [snapshot(begin, first_id - 1)] if with_snapshot else []
    for at in range(1, 600):
        now = begin + at * 100 * MS
        first = first_id + (at // 2) * 10
        lines.append(trade(now, at) if at % 2 else depth(now, first - 10, first - 1))
    return lines


@pytest.fixture
def minute() -> Callable[..., list[str]]:
    return a_minute


@pytest.fixture
def diff() -> Callable[..., str]:
    return depth


@pytest.fixture
def write_recording(tmp_path: Path) -> Callable[[str, Iterable[str]], Path]:
    """Writes lines to a gzip file with the definitions beside it."""

    def write(name: str, lines: Iterable[str]) -> Path:
        (tmp_path / "instruments.json").write_text(json.dumps(DEFINITIONS))
        path = tmp_path / name
        path.write_bytes(gzip.compress("".join(line + "\n" for line in lines).encode()))
        return path

    return write
