"""The control socket: every line gets one answer, whatever it says."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kedge.model.errors import RefusedError, UnreachableError, UsageError
from kedge.node.control import ControlSocket, ask


def refuse(_: Any) -> dict[str, Any]:
    raise RefusedError("not now", "later")


HANDLERS = {"echo": lambda asked: {"said": asked["text"]}, "refuse": refuse}


def asked(path: Path, *lines: bytes) -> list[Any]:
    """What a server answers to these lines, sent at once."""

    async def talk() -> list[Any]:
        async with ControlSocket(path, HANDLERS):
            reader, writer = await asyncio.open_unix_connection(path)
            writer.write(b"".join(line + b"\n" for line in lines))
            answers = [json.loads(await asyncio.wait_for(reader.readline(), 5)) for _ in lines]
            writer.close()
            await writer.wait_closed()
            return answers

    return asyncio.run(talk())


def test_commands_are_answered_in_order(tmp_path: Path) -> None:
    first, second = asked(
        tmp_path / "s", b'{"id": 1, "command": "echo", "text": "a"}', b'{"id": 2, "command": "refuse"}'
    )
    assert first == {"id": 1, "ok": True, "result": {"said": "a"}}
    assert second["ok"] is False
    assert (second["error"]["message"], second["error"]["exit_code"]) == ("not now", 3)


@settings(max_examples=30, deadline=None)
@given(st.binary(max_size=200).filter(lambda line: b"\n" not in line))
def test_any_line_gets_an_answer(tmp_path_factory: pytest.TempPathFactory, line: bytes) -> None:
    (answer,) = asked(tmp_path_factory.mktemp("s") / "s", line or b" ")
    assert answer["ok"] is False
    assert answer["error"]["message"]


def test_asking_gives_the_result_or_the_traders_own_error(tmp_path: Path) -> None:
    async def talk() -> Any:
        async with ControlSocket(tmp_path / "s", HANDLERS):
            assert (tmp_path / "s").stat().st_mode & 0o777 == 0o600
            said = await asyncio.to_thread(ask, tmp_path / "s", "echo", text="b")
            with pytest.raises(UsageError.__mro__[1], match="not now"):
                await asyncio.to_thread(ask, tmp_path / "s", "refuse")
            return said

    assert asyncio.run(talk()) == {"said": "b"}


def test_without_a_trader_the_error_says_how_to_start_one(tmp_path: Path) -> None:
    with pytest.raises(UnreachableError, match="no trader answers") as error:
        ask(tmp_path / "s", "status")
    assert "kedge up" in error.value.hint
