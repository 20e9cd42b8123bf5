import json
import os
import pty
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import pytest

from kedge.cli.output import print_warning, progress, show, table
from kedge.cli.run_summary import document, places_table, settlement, strategies_table, verdict

RECORD = {
    "name": "quoting",
    "strategies": [{"name": "quoting", "instrument": "BTC/USDT@binance"}],
    "results": {
        "events": 1_234_567,
        "orders": 400,
        "fills": 97,
        "pnl": "-12.3456",
        "fees": "1200.5",
        "trace_hash": "9f0c",
        "strategies": {
            "quoting": {
                "orders": 400,
                "fills": 97,
                "pnl": "-12.3456",
                "fees": "1200.5",
                "max_drawdown_fraction": 0.0123,
                "sharpe": -1.234,
                "sharpe_se": None,
                "position": "0.01000",
            }
        },
    },
}


def test_the_result_comes_first_then_aligned_columns(capsys: pytest.CaptureFixture[str]) -> None:
    show(False, {}, "two rows", table(("name", "PnL USDT"), [("a [b]", "+1.00"), ("long name", "-10.00")]))
    assert capsys.readouterr().out.splitlines() == [
        "two rows",
        "name       PnL USDT",
        "a [b]         +1.00",
        "long name    -10.00",
    ]


def test_a_wide_table_is_never_cut(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "20")
    show(False, {}, "x" * 300, table(("file",), [("y" * 300,)]))
    printed = capsys.readouterr().out
    assert "x" * 300 in printed
    assert "y" * 300 in printed


def test_json_is_one_object_and_nothing_else(capsys: pytest.CaptureFixture[str]) -> None:
    show(
        True,
        {"pnl": Decimal("1E+2"), "sharpe": float("nan"), "run": Path("runs/a"), "offsets": {"ä": (1.5, float("inf"))}},
        "a line",
        table(("a",), [("b",)]),
    )
    printed = capsys.readouterr()
    assert printed.out.count("\n") == 1
    assert json.loads(printed.out) == {"pnl": "100", "sharpe": None, "run": "runs/a", "offsets": {"ä": [1.5, None]}}


def test_a_warning_leaves_standard_output_alone(capsys: pytest.CaptureFixture[str]) -> None:
    print_warning("funding [not] charged")
    assert capsys.readouterr() == ("", "warning: funding [not] charged\n")


def test_without_a_terminal_there_is_no_progress_bar(capsys: pytest.CaptureFixture[str]) -> None:
    with progress("import") as on_progress:
        on_progress(1, 2)
    assert capsys.readouterr() == ("", "")


def test_on_a_terminal_progress_goes_to_standard_error_alone() -> None:
    script = (
        "import time\nfrom kedge.cli.output import progress\n"
        "with progress('import') as on:\n    on(50, 100)\n    time.sleep(0.3)\nprint('done')"
    )
    main, side = pty.openpty()
    environ = os.environ | {"TERM": "xterm", "COLUMNS": "100"}
    done = subprocess.run(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=side, env=environ, check=True, timeout=60
    )
    os.close(side)
    shown = os.read(main, 65_536).decode()
    os.close(main)
    assert done.stdout == b"done\n"
    assert "import" in shown
    assert "50%" in shown


def test_a_run_is_told_in_one_line_and_a_row(capsys: pytest.CaptureFixture[str]) -> None:
    show(False, {}, verdict(RECORD), strategies_table([RECORD]), places_table(Path("runs/a"), RECORD))
    line, heads, row, *places = capsys.readouterr().out.splitlines()
    assert line == ("quoting: PnL -12.35 USDT after fees of 1,200.50, 97 fills of 400 orders over 1,234,567 events")
    assert heads.split("  ")[0] == "strategy"
    assert " ".join(row.split()) == "quoting BTC/USDT@binance 400 97 -12.35 USDT 1,200.50 1.23 -1.23 ± – +0.01000"
    assert [place.split() for place in places] == [
        ["run", "runs/a"],
        ["report", "runs/a/report.html"],
        ["trace", "9f0c"],
    ]
    assert document(Path("runs/a"), RECORD) == {**RECORD["results"], "run": "runs/a"}  # type: ignore[dict-item]


@pytest.mark.parametrize(
    ("instrument", "currency"), [("BTC/USDT@binance", "USDT"), ("BTC/USDT:USDC@x", "USDC"), ("BTC/EUR@y", "EUR")]
)
def test_money_is_in_the_currency_an_instrument_settles_in(instrument: str, currency: str) -> None:
    assert settlement(instrument) == currency
