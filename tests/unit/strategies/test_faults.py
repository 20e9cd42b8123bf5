"""Whatever a strategy does wrong ends in one message with file, line, value and rule."""

from __future__ import annotations

import subprocess
import sys

import pytest

from kedge.model.errors import StrategyError, UsageError
from kedge.strategies.source import StrategySource, make, read_source, strategy_class
from tests.unit.strategies.small_market import run_source

TIMER = """from kedge import Strategy
import decimal

class Wrong(Strategy):
    def on_start(self, ctx):
        ctx.every("100ms")

    def on_timer(self, ctx, timer):
        {line}
"""
PLACE = "strategy_under_test.py, line 9, in on_timer: "


@pytest.mark.parametrize(
    ("line", "message", "hint"),
    [
        ("1 / 0", "ZeroDivisionError: division by zero", "correct the line"),
        ("ctx.fundng", "AttributeError: 'Context' object has no attribute 'fundng'", "it has: "),
        ("ctx.boook.bid", "AttributeError: 'Context' object has no attribute 'boook'", "did you mean `book`?"),
        ("ctx.book.mdi", "AttributeError: 'Book' object has no attribute 'mdi'", "did you mean `mid`?"),
        ("ctx.quote(60000, 60001, -1)", "size must be at least one lot (0.00001), was -1", "ctx.sell"),
        ("ctx.buy(-0.01, 60000)", "size must be at least one lot (0.00001), was -0.01", "ctx.sell"),
        ("ctx.buy(-0.01)", "size must be at least one lot (0.00001), was -0.01", "ctx.sell"),
        ("ctx.sell(0)", "size must be at least one lot (0.00001), was 0", "ctx.sell"),
        (
            "ctx.buy(0.01, decimal.Decimal('60000.005'))",
            "price must be a multiple of the tick 0.01, was 60000.005",
            "float",
        ),
        ("ctx.buy(decimal.Decimal('0.000001'))", "size must be a multiple of the lot 0.00001, was 0.000001", "float"),
        ("ctx.buy(0.01, float('nan'))", "price must be a finite number, was nan", "arithmetic"),
        ("ctx.buy(float('inf'))", "size must be a finite number, was inf", "arithmetic"),
        ("ctx.buy(0.01, '60000')", "price must be a multiple of the tick 0.01, was 60000", "float"),
        (
            "ctx.buy(0.01, 60000, tif='gtd')",
            'tif must be "gtc", "ioc", "fok" or "post_only" (limit orders), was "gtd"',
            "",
        ),
        (
            "ctx.every('soon')",
            'a duration must be a whole number above 0 with a unit, such as "100ms" or "1s", was soon',
            "",
        ),
        (
            "ctx.every('0s')",
            'a duration must be a whole number above 0 with a unit, such as "100ms" or "1s", was 0s',
            "",
        ),
        ("ctx.ema(10)", "ctx.ema needs bars", 'ctx.bars("1s")'),
        ("ctx.book.levels('left')", 'side must be "bid" or "ask", was "left"', ""),
        ("ctx.rng.integer(5, 5)", "high must be above low, were 5 and 5", "never drawn"),
        ("self.ctx = ctx; raise KeyError('x')", "KeyError: 'x'", "correct the line"),
    ],
)
def test_a_fault_names_its_line(line, message, hint):
    with pytest.raises(StrategyError) as caught:
        run_source(TIMER.format(line=line))
    assert caught.value.message == PLACE + message
    assert hint in caught.value.hint
    assert caught.value.exit_code == 1


def test_what_is_kept_from_a_callback_is_closed_after_it():
    source = TIMER.format(line="self.book = ctx.book")
    kept = run_source(source).strategies[0].book
    with pytest.raises(StrategyError, match="only within a callback"):
        _ = kept.bid


def test_a_callback_that_loops_is_interrupted():
    with pytest.raises(StrategyError) as caught:
        run_source(TIMER.format(line="while True: pass"), callback_seconds=0.2)
    assert caught.value.message == PLACE + "a callback ran longer than the 0.2 s it may"


def test_a_callback_that_cannot_be_interrupted_ends_the_process(tmp_path):
    script = tmp_path / "stubborn.py"
    source = TIMER.format(line="import time; time.sleep(60)")
    script.write_text(
        f"from tests.unit.strategies.small_market import run_source\nrun_source({source!r}, callback_seconds=0.2)\n"
    )
    done = subprocess.run(
        [sys.executable, str(script)], env={"PYTHONPATH": "."}, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 1
    assert "did not end within 0.4 s" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        ("def broken(:\n", StrategyError, "s.py, line 1: invalid syntax"),
        ("x = 1\nraise RuntimeError('no')\n", StrategyError, "s.py, line 2, in <module>: RuntimeError: no"),
        ("import kedge\n", UsageError, "s.py must define one strategy, defines 0"),
        (
            "from kedge import Strategy\nclass A(Strategy): pass\nclass B(Strategy): pass\n",
            UsageError,
            "s.py must define one strategy, defines 2: A, B",
        ),
    ],
)
def test_a_file_that_is_no_strategy_is_refused(text, error, message):
    with pytest.raises(error) as caught:
        strategy_class(StrategySource("s.py", text))
    assert caught.value.message == message


def test_one_of_several_classes_is_named():
    text = "from kedge import Strategy\nclass A(Strategy): pass\nclass B(Strategy): pass\n"
    assert strategy_class(StrategySource("s.py", text, "B")).__name__ == "B"
    with pytest.raises(UsageError, match="defines no strategy `C`"):
        strategy_class(StrategySource("s.py", text, "C"))


PARAMS = """from kedge import Strategy, param
class P(Strategy):
    period = param(10, low=2, high=500, unit="bars")
    size = param(0.01, low=0.001)
"""


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"perod": 5}, "P has no parameter `perod`"),
        ({"period": 1}, "parameter `P.period` must be ≥ 2 and ≤ 500 bars, was 1"),
        ({"period": 10.5}, "parameter `P.period` must be a whole number, was 10.5"),
        ({"size": "0.1"}, "parameter `P.size` must be a finite number, was '0.1'"),
        ({"size": True}, "parameter `P.size` must be a finite number, was True"),
        ({"size": float("nan")}, "parameter `P.size` must be a finite number, was nan"),
        ({"size": 0}, "parameter `P.size` must be ≥ 0.001, was 0.0"),
    ],
)
def test_parameters_keep_their_bounds(values, message):
    with pytest.raises(UsageError) as caught:
        make(strategy_class(StrategySource("p.py", PARAMS)), values, "p.py")
    assert caught.value.message == message
    assert caught.value.exit_code == 2


def test_parameters_read_as_their_values():
    strategy = make(strategy_class(StrategySource("p.py", PARAMS)), {"period": 20.0}, "p.py")
    assert (strategy.period, strategy.size) == (20, 0.01)  # type: ignore[attr-defined]


def test_a_missing_file_names_what_makes_one(tmp_path):
    with pytest.raises(UsageError) as caught:
        read_source(str(tmp_path / "none.py"))
    assert "is not there" in caught.value.message
    assert "new-strategy" in caught.value.hint
