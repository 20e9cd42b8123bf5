"""The trader killed at every bad moment: nothing lost, nothing done twice; and the rules that prevent it, broken."""

from pathlib import Path

import pytest

from tests.chaos.harness import chaos

KILLS = 10
KILLS_TO_SEE_A_PLANT = 4


@pytest.mark.slow
def test_ten_kills_lose_and_double_nothing(tmp_path: Path) -> None:
    found = chaos(tmp_path, KILLS, seed=3)
    assert (found["lost"], found["doubled"], found["unresolved"]) == (0, 0, 0), found
    assert found["equal"], found["differences"]
    assert found["kills"] == KILLS
    assert found["between"] >= KILLS // 5
    assert found["executions"] > 0
    assert found["intents"] > KILLS
    assert set(found["ways"]) == {"socket", "rest"}


@pytest.mark.slow
@pytest.mark.parametrize("plant", ["new id on timeout", "journal after send"])
def test_a_broken_rule_shows_doubles(tmp_path: Path, plant: str) -> None:
    found = chaos(tmp_path, KILLS_TO_SEE_A_PLANT, seed=1, plant=plant)
    assert found["doubled"] > 0, found
    assert not found["equal"]
