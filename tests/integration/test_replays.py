"""A journaled run, computed again; and whatever was tampered with, seen."""

from __future__ import annotations

import json
import shutil
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import kedge as package
from kedge.journal import Kind, market_block
from kedge.model.columns import KIND, TRADE
from tests.integration.test_recorded_backtests import SPOT, kedge


@pytest.fixture(scope="module")
def journaled(recorded, repository, tmp_path_factory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("journaled")
    data = [recorded / name for name in SPOT]
    found = kedge("backtest", repository / "examples" / "quoting.py", "--data", *data, "--journal", cwd=folder)
    return {**found, "folder": folder}


@pytest.fixture
def copied(journaled, tmp_path) -> Path:
    """A copy of the run that a test may spoil."""
    return Path(shutil.copytree(journaled["folder"] / journaled["run"], tmp_path / "run"))


def replay(run: Path, *extra: object, code: int = 0) -> dict[str, Any]:
    return kedge("replay", run, *extra, cwd=run.parent, code=code)


def test_a_replay_makes_the_same_decisions(journaled, copied):
    found = replay(copied)
    assert found["commands_equal"] is True
    assert found["trace_hash"] == found["journal_trace_hash"] == journaled["trace_hash"]
    assert found["first_difference"] is None
    assert found["commands"] > journaled["orders"]


def test_a_flipped_byte_is_refused_with_its_place(copied):
    for file in sorted((copied / "journal").glob("*.kj")):
        whole = file.read_bytes()
        for offset in (len(whole) // 3, len(whole) // 2):
            file.write_bytes(whole[:offset] + bytes([whole[offset] ^ 0x40]) + whole[offset + 1 :])
            refused = replay(copied, code=5)
            assert file.name in refused["message"]
            assert "damaged at byte" in refused["message"]
            file.write_bytes(whole)


def test_a_trade_changed_at_one_of_our_fills_is_seen(copied):
    fills = package.load(copied).fills
    maker = fills.filter(fills["liquidity"] == "maker")
    at = int(maker["ts"].dt.timestamp("ns")[len(maker) // 2])
    change_trade(copied / "journal", at)
    found = replay(copied, code=1)
    assert found["commands_equal"] is False
    assert found["trace_hash"] != found["journal_trace_hash"]
    assert "filled" in found["first_difference"]["journal"]
    assert found["first_command_difference"]["journal"] != found["first_command_difference"]["replay"]


def test_another_source_is_seen(copied, repository, tmp_path):
    edited = tmp_path / "edited.py"
    text = (repository / "examples" / "quoting.py").read_text()
    edited.write_text(text.replace("fair + self.half_spread * book.tick", "fair + 2 * self.half_spread * book.tick"))
    found = replay(copied, "--strategy", edited, code=1)
    assert found["commands_equal"] is False
    assert found["first_command_difference"]["index"] >= 0
    untouched = replay(copied, "--strategy", repository / "examples" / "quoting.py")
    assert untouched["commands_equal"] is True


def test_another_seed_of_the_market_is_seen(repository, tmp_path):
    strategy = repository / "examples" / "quoting.py"
    made = kedge("backtest", strategy, "--seeded", "60s", "--seed", 7, "--journal", cwd=tmp_path)
    run = tmp_path / made["run"]
    assert replay(run)["commands_equal"] is True
    rewrite_header(run / "journal", lambda header: header["market"]["seeded"].update(seed=8))
    found = replay(run, code=1)
    assert found["commands_equal"] is False
    assert found["first_command_difference"] is not None


def test_a_run_without_a_journal_says_what_to_do(repository, tmp_path):
    made = kedge("backtest", repository / "examples" / "quoting.py", "--seeded", "5s", cwd=tmp_path)
    refused = kedge("replay", made["run"], cwd=tmp_path, code=2)
    assert "--journal" in refused["hint"]


def test_what_a_strategy_saves_stands_in_the_checkpoint(tmp_path):
    (tmp_path / "keeper.py").write_text(
        "from kedge import Strategy\nclass Keeper(Strategy):\n    def save(self):\n        return b'remember'\n"
    )
    made = kedge("backtest", "keeper.py", "--seeded", "5s", "--journal", cwd=tmp_path)
    checkpoints = [payload for kind, payload in records(tmp_path / made["run"] / "journal") if kind == Kind.CHECKPOINT]
    assert len(checkpoints) == 2
    assert json.loads(checkpoints[-1])["strategies"] == {"keeper": "cmVtZW1iZXI="}


def records(journal: Path) -> list[tuple[int, bytes]]:
    from kedge import _core

    return [(record[2], record[5]) for record in _core.JournalReader(str(journal))]


def frames(data: bytes, start: int) -> list[tuple[int, int]]:
    """(offset, whole length) of each frame, as docs/journal.md has them."""
    found = []
    while start < len(data):
        (payload,) = struct.unpack_from("<I", data, start + 4)
        found.append((start, market_block.FRAME_HEAD + payload))
        start += market_block.FRAME_HEAD + payload
    return found


def change_trade(journal: Path, ts_event: int) -> None:
    """Halves, in the journal, the trades at the venue's time `ts_event`; checksums are put right."""

    def halve(kind: int, payload: bytes) -> bytes:
        if kind != Kind.MARKET:
            return payload
        stream, block = market_block.decode(payload)
        hit = ((block.flags & KIND) == TRADE) & (block.ts_event == ts_event)
        if not hit.any():
            return payload
        quantity = np.where(hit, np.maximum(block.qty // 1000, 1), block.qty).astype(np.int32)
        changed = type(block)(**{**{name: getattr(block, name) for name in block.__slots__}, "qty": quantity})
        return market_block.encode(stream, changed, 0, len(changed))

    rewrite(journal, halve)


def rewrite_header(journal: Path, change: Any) -> None:
    def edit(kind: int, payload: bytes) -> bytes:
        if kind != Kind.HEADER:
            return payload
        header = json.loads(payload)
        change(header)
        return json.dumps(header).encode()

    rewrite(journal, edit)


def rewrite(journal: Path, edit: Any) -> None:
    """Edits payloads in place and puts lengths and checksums right, by the document alone."""
    changed = 0
    for file in sorted(journal.glob("*.kj")):
        data = file.read_bytes()
        out = bytearray(data[: market_block.PREAMBLE])
        for offset, length in frames(data, market_block.PREAMBLE):
            frame = data[offset : offset + length]
            head, payload = frame[8 : market_block.FRAME_HEAD], frame[market_block.FRAME_HEAD :]
            new = edit(head[-1], payload)
            changed += new != payload
            rest = struct.pack("<I", len(new)) + head + new
            out += struct.pack("<I", zlib.crc32(rest)) + rest
        file.write_bytes(out)
    assert changed, "nothing was changed"
