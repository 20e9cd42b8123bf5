import pytest

from kedge.cli.arguments import named_values, spread
from kedge.cli.backtest import override
from kedge.model.errors import UsageError
from kedge.model.settings import Settings


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("--data a.gz b.gz", "--data a.gz --data b.gz"),
        ("s.py --data a.gz b.gz --json", "s.py --data a.gz --data b.gz --json"),
        ("--data a.gz b.gz s.py", "--data a.gz --data b.gz s.py"),
        ("--data a.gz --data b.gz c.gz", "--data a.gz --data b.gz --data c.gz"),
        ("--data data#BTC/USDT@binance s.py", "--data data#BTC/USDT@binance s.py"),
        ("--data odd.py", "--data odd.py"),
        ("--param a=1 b=2 s.py", "--param a=1 --param b=2 s.py"),
        ("--latency entry=1ms feed=2ms --param a=-1", "--latency entry=1ms --latency feed=2ms --param a=-1"),
        ("s.py --seed 7 --data a", "s.py --seed 7 --data a"),
        ("--data a -- b c", "--data a -- b c"),
        ("--data", "--data"),
        ("", ""),
    ],
)
def test_a_flag_takes_every_value_up_to_the_next_it_cannot_take(given: str, meant: str) -> None:
    assert spread(given.split()) == meant.split()


def test_named_values_keep_their_types() -> None:
    given = ["half_spread=1.5", "levels=3", "mode=fast", "post=true", "path=a=b"]
    assert named_values(given, "--param") == {
        "half_spread": 1.5,
        "levels": 3,
        "mode": "fast",
        "post": True,
        "path": "a=b",
    }


@pytest.mark.parametrize("given", [["half_spread"], ["=1"], ["half-spread=1"], ["half_spread="], ["a=1", "a=2"]])
def test_what_is_no_named_value_is_refused(given: list[str]) -> None:
    with pytest.raises(UsageError, match="--param"):
        named_values(given, "--param")


def test_the_command_line_goes_over_the_settings() -> None:
    settings = override(Settings(), ["entry=1ms", "feed=20ms"], "elsewhere")
    assert (settings.latency.entry, settings.latency.feed) == (1_000_000, 20_000_000)
    assert settings.latency.response == Settings().latency.response
    assert settings.backtest.out == "elsewhere"
    assert override(Settings(), ["feed=recorded"], None) == Settings()


@pytest.mark.parametrize("given", ["speed=1ms", "entry=1", "entry=recorded", "entry=-1ms", "1ms"])
def test_a_wrong_latency_is_refused(given: str) -> None:
    with pytest.raises(UsageError, match="--latency"):
        override(Settings(), [given], None)
