"""How a command ends: its exit code, what it prints where, and what it never prints."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import typer

from kedge.cli.app import run
from kedge.model import errors

KEDGE = Path(sys.executable).with_name("kedge")


def raising(error: BaseException) -> typer.Typer:
    """A command that fails with `error`."""
    commands = typer.Typer(add_completion=False, pretty_exceptions_enable=False)

    @commands.command()
    def fail(as_json: bool = typer.Option(False, "--json")) -> None:
        raise error

    return commands


EXPLAINED = [getattr(errors, name) for name in dir(errors) if name.endswith("Error")]


def test_every_error_class_is_exercised() -> None:
    assert {error.__name__: error.exit_code for error in EXPLAINED} == {
        "KedgeError": 1,
        "DataError": 1,
        "StrategyError": 1,
        "UsageError": 2,
        "RefusedError": 3,
        "UnreachableError": 4,
        "UnsafeStateError": 5,
    }


@pytest.mark.parametrize("error", EXPLAINED)
def test_an_error_ends_in_its_code_and_two_lines(
    error: type[errors.KedgeError], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["--json"], raising(error("it broke", "mend it"))) == error.exit_code
    printed = capsys.readouterr()
    assert printed.err == "error: it broke\nhint: mend it\n"
    assert json.loads(printed.out) == {
        "error": error.__name__,
        "message": "it broke",
        "hint": "mend it",
        "exit_code": error.exit_code,
    }


@pytest.mark.parametrize(
    "error", [KeyError("gone"), AssertionError(), MemoryError(), RecursionError(), BaseException()]
)
def test_an_unexpected_error_is_one_line_and_a_saved_traceback(
    error: BaseException, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    assert run(["--json"], raising(error)) == 1
    printed = capsys.readouterr()
    (saved,) = tmp_path.iterdir()
    assert printed.err.splitlines()[0] == f"error: internal error ({type(error).__name__}), saved in {saved}"
    assert "Traceback" not in printed.err
    assert "Traceback" in saved.read_text()
    assert json.loads(printed.out)["exit_code"] == 1


def test_an_interrupt_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--json"], raising(KeyboardInterrupt())) == 130
    printed = capsys.readouterr()
    assert printed.err == "error: interrupted\n"
    assert json.loads(printed.out)["exit_code"] == 130


def test_a_file_that_cannot_be_used_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--json"], raising(PermissionError(13, "Permission denied", "runs/run.json"))) == 1
    assert capsys.readouterr().err.startswith("error: runs/run.json: permission denied\nhint: ")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["bactest"], "no such command 'bactest'"),
        (["backtest", "--sede", "4"], "no such option: --sede"),
        (["backtest", "--seed", "x", "--seeded", "1m"], "invalid value for '--seed'"),
        (["backtest", "--seed", "-1", "--seeded", "1m"], "invalid value for '--seed'"),
        (["replay"], "missing argument 'RUN'"),
        (["new-strategy", "a", "b"], "unexpected extra argument"),
    ],
)
def test_bad_usage_ends_in_2_in_our_words(arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run([*arguments, "--json"]) == 2
    printed = capsys.readouterr()
    first, second = printed.err.splitlines()
    assert first.startswith("error: ")
    assert said in first
    assert second.startswith("hint: kedge")
    assert json.loads(printed.out)["error"] == "UsageError"


def test_without_arguments_the_commands_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert run([]) == 0
    assert "new-strategy" in capsys.readouterr().out


def test_the_version_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--version"]) == 0
    assert capsys.readouterr().out.startswith("kedge ")


def test_the_command_fixes_the_hash_seed() -> None:
    # The order of a set of text depends on the seed: two processes agree on it only if both started again.
    script = "import sys, kedge.cli.app as a; a._fix_hash_seed(); print(hash('kedge'), sys.argv[1:])"
    environ = {key: value for key, value in os.environ.items() if key != "PYTHONHASHSEED"}
    printed = set()
    for seed in (None, "17", "random"):
        given = environ if seed is None else environ | {"PYTHONHASHSEED": seed}
        done = subprocess.run(
            [sys.executable, "-c", script, "a b"], env=given, capture_output=True, text=True, check=True, timeout=60
        )
        printed.add(done.stdout)
    assert len(printed) == 1
    assert "['a b']" in printed.pop()


def test_the_installed_command_ends_with_the_code() -> None:
    done = subprocess.run([KEDGE, "bactest"], capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("error: no such command")


def test_a_reader_that_goes_away_is_no_fault() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run([KEDGE, "--help"], stdout=writer, stderr=subprocess.PIPE, text=True, check=False, timeout=60)
    os.close(writer)
    assert done.returncode == 1
    assert done.stderr == ""
