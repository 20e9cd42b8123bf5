"""The decoder and a second reader agree on every mutant: accepted or refused, and on every value."""

from __future__ import annotations

import collections
import gzip
import json
import random
from pathlib import Path
from typing import Any

import pytest

from kedge._core import decode_binance
from kedge.model.errors import DataError
from tests.property import mutations
from tests.property.binance_reader import Message, RefusedError, read

SEED = 20240808
# The steps differ from the venue's, so that many numbers lie between two of them.
COARSE = {"tick_size": "0.05", "quantity_step_in_data": "0.002", "lot_size": "0.002", "min_notional": "5"}
FEES = {"maker_fee": "0.001", "taker_fee": "0.001"}
SPOT = {"id": "BTC/USDT@binance", "symbol": "BTCUSDT", "kind": "spot", **COARSE, **FEES}
USDM = {"id": "BTC/USDT:USDT@binance", "symbol": "BTCUSDT", "kind": "linear_perpetual", **COARSE, **FEES}


def told(market: str, definition: str, frame: bytes) -> Message | None:
    """What the decoder says; nothing where it refuses. Whatever else it raises fails the test."""
    try:
        return Message(**decode_binance(market, definition, frame))
    except DataError as error:
        refused = error.message
    assert " must " in refused
    assert ", was `" in refused
    return None


def expected(market: str, definition: dict[str, Any], frame: bytes) -> Message | None:
    try:
        return read(market, definition, frame)
    except RefusedError:
        return None


def compare(market: str, definition: dict[str, Any], messages: list[bytes], count: int, seed: int) -> None:
    """Mutants of the messages, and at least a tenth of them on either side."""
    chance, text = random.Random(seed), json.dumps(definition)
    outcomes: collections.Counter[str] = collections.Counter()
    for number in range(count):
        frame = mutations.mutant(chance, chance.choice(messages))
        ours, theirs = told(market, text, frame), expected(market, definition, frame)
        assert ours == theirs, f"seed {seed}, mutant {number}, {market}: {frame!r}"
        outcomes[ours.message if ours else "refused"] += 1
    accepted = count - outcomes["refused"]
    assert count / 10 < accepted < count * 9 / 10, outcomes
    assert {"depth", "trade", "quote", "snapshot", "ignored"} <= set(outcomes), outcomes


@pytest.mark.parametrize(
    ("market", "definition", "messages"),
    [("spot", SPOT, mutations.SPOT_MESSAGES), ("usdm", USDM, mutations.USDM_MESSAGES)],
)
def test_mutants_of_every_kind_of_message(market: str, definition: dict[str, Any], messages: list[bytes]) -> None:
    for frame in messages:
        assert told(market, json.dumps(definition), frame) == expected(market, definition, frame) is not None
    compare(market, definition, messages, 30_000, SEED)


@pytest.mark.parametrize(
    ("market", "name", "instrument"),
    [
        ("spot", "spot_btcusdt_20240808.gz", "BTC/USDT@binance"),
        ("usdm", "usdm_btcusdt_20240808.gz", "BTC/USDT:USDT@binance"),
    ],
)
def test_mutants_of_recorded_messages(recorded: Path, market: str, name: str, instrument: str) -> None:
    definitions = json.loads((recorded / "instruments.json").read_text())
    [definition] = [found for found in definitions if found["id"] == instrument]
    with gzip.open(recorded / name) as lines:
        messages = [line.split(b" ", 1)[1].rstrip() for line, _ in zip(lines, range(4_000), strict=False)]
    snapshots = [short_snapshot(message) for message in messages if b"lastUpdateId" in message[:20]]
    short = [message for message in messages if len(message) < 1_200]
    compare(market, definition, short[::4] + snapshots * 20, 30_000, SEED + 1)


def short_snapshot(message: bytes) -> bytes:
    snapshot = json.loads(message)
    return json.dumps(snapshot | {"bids": snapshot["bids"][:3], "asks": snapshot["asks"][:3]}).encode()


@pytest.mark.parametrize(
    "frame",
    [
        b'{"e":"x","y":' + b"[" * 4_000_000,
        b'{"e":"x","y":' + b"[" * 2_000_000 + b"]" * 2_000_000 + b"}",
        b'{"data":' * 1_000_000,
        b'{"e":"depthUpdate","b":' + b"[" * 4_000_000,
        b'{"e":"' + b"x" * (9 << 20) + b'"}',
        b"[" * 4_000_000,
        b'{"lastUpdateId":1,"bids":[' + b'["1","1"],' * 700_000,
        b"",
        b"\x00" * 1_000,
    ],
    ids=lambda frame: f"{frame[:12]!r}x{len(frame)}",
)
def test_deep_and_long_messages_do_no_harm(frame: bytes) -> None:
    ours = told("usdm", json.dumps(USDM), frame)
    assert ours is None or ours == Message()
