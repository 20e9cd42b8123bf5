"""`kedge doctor`: whether this machine can run Kedge, and what to do where it cannot."""

from __future__ import annotations

import importlib
import platform
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Annotated

import typer

import kedge
from kedge.cli.arguments import Json
from kedge.cli.doctor_trading import Check, examine_trading
from kedge.cli.output import show, table
from kedge.model.errors import UsageError
from kedge.model.settings import FILE_NAME, Settings, load_settings

OLDEST_PYTHON = (3, 11)
LEAST_FREE_BYTES = 2 * 10**9
# A clock that reads less than this was never set: 1 January 2024, UTC.
EARLIEST_NOW_NS = 1_704_067_200 * 10**9
CLOCK_PAUSE_S = 0.05
MOST_CLOCK_STEP_NS = 20_000_000
RECORD = "run.json"
CHARTS = "backtest/report/_assets/lightweight-charts.standalone.production.js"


def command(
    settings: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Settings file.  [default: kedge.toml, if there]")
    ] = None,
    as_json: Json = False,
) -> None:
    """Check that this machine can run Kedge.

    Each failing check says what to do. Ends with 1 if one fails.

    \b
    Example:
      kedge doctor
    """
    checks = examine(settings)
    failed = [check for check in checks if not check.ok]
    line = f"{len(failed)} of {len(checks)} checks failed" if failed else f"all {len(checks)} checks passed"
    rows = [(check.check, "ok" if check.ok else "FAILED", check.value) for check in checks]
    following = [f"next: {check.check}: {check.next}" for check in failed]
    document = {"ok": not failed, "checks": [check.as_json() for check in checks]}
    show(as_json, document, line, table(("check", "state", "found"), rows, left=3), *following)
    if failed:
        raise typer.Exit(1)


def examine(settings: Path | None) -> list[Check]:
    """Every check, in the order a person would mend them."""
    settings_check, read = check_settings(settings)
    out, data, package = Path(read.backtest.out), Path(read.trader.data), Path(kedge.__file__).parent
    engine = check_extension()
    return [
        check_python(sys.version_info[:2]),
        engine,
        check_packages(),
        check_charts(package),
        settings_check,
        check_writable(out),
        check_disk(min(shutil.disk_usage(_existing(folder)).free for folder in (out, data))),
        check_runs(out),
        check_clock(time.time_ns, time.monotonic_ns),
        # What trades live needs the engine, and would say no more than that it is not there.
        *(examine_trading(read, package) if engine.ok else ()),
    ]


def check_python(found: tuple[int, ...]) -> Check:
    """The interpreter is new enough."""
    value = f"{platform.python_version()} ({platform.machine()})"
    return Check("python", found >= OLDEST_PYTHON, value, "install Python 3.11 or newer, then make setup")


def check_extension() -> Check:
    """The engine can be imported, is of this version and was built to be fast."""
    try:
        core = importlib.import_module("kedge._core")
        package = version("kedge")
    except (ImportError, PackageNotFoundError) as error:
        return Check("engine", False, str(error), "make setup builds it")
    found, build = core.__version__, core.__build__
    value = f"{found} ({build})" if found == package else f"{found} ({build}), but the package is {package}"
    return Check("engine", found == package and build == "release", value, "make setup builds a release of it")


def check_packages() -> Check:
    """The libraries that every run uses can be imported."""
    found = []
    for name in ("numpy", "polars", "pyarrow", "pydantic"):
        try:
            importlib.import_module(name)
        except ImportError as error:
            return Check("packages", False, str(error), "make setup installs them")
        found.append(f"{name} {version(name)}")
    return Check("packages", True, ", ".join(found))


def check_charts(package: Path) -> Check:
    """The chart library that reports carry inside is in the package."""
    there = (package / CHARTS).is_file()
    return Check("charts", there, "in the package" if there else f"{CHARTS} is not there", "make setup puts it there")


def check_settings(path: Path | None) -> tuple[Check, Settings]:
    """The settings are valid; where they are not, the other checks go on with the defaults."""
    try:
        settings = load_settings(path)
    except UsageError as error:
        return Check("settings", False, error.message, error.hint), Settings()
    there = path or (Path(FILE_NAME) if Path(FILE_NAME).is_file() else None)
    return Check("settings", True, str(there) if there else f"defaults (no {FILE_NAME} here)"), settings


def check_writable(out: Path) -> Check:
    """Run folders can be made."""
    folder = _existing(out)
    try:
        with tempfile.NamedTemporaryFile(dir=folder, prefix=".kedge-"):
            pass
    except OSError as error:
        reason = f"{out}: {(error.strerror or str(error)).lower()}"
        return Check("write access", False, reason, f"make {folder} writable, or set `backtest.out`")
    return Check("write access", True, str(out))


def check_disk(free: int) -> Check:
    """There is room for runs and journals."""
    value = f"{free / 1e9:,.1f} GB free"
    return Check("disk", free >= LEAST_FREE_BYTES, value, f"free at least {LEAST_FREE_BYTES / 1e9:.0f} GB")


def check_runs(out: Path) -> Check:
    """Every run folder is whole."""
    folders = sorted(path for path in out.iterdir() if path.is_dir() and path.name[0] != ".") if out.is_dir() else []
    torn = [path.name for path in folders if not (path / RECORD).is_file()]
    value = f"{len(folders) - len(torn)} in {out}"
    if torn:
        return Check("runs", False, f"{value}, {len(torn)} without {RECORD}: {torn[0]}", f"remove {out / torn[0]}")
    return Check("runs", True, value)


def check_clock(wall: Callable[[], int], monotonic: Callable[[], int]) -> Check:
    """The wall clock was set once and runs as fast as the monotonic one; both in nanoseconds."""
    wall_start, start = wall(), monotonic()
    time.sleep(CLOCK_PAUSE_S)
    step = (wall() - wall_start) - (monotonic() - start)
    if wall_start < EARLIEST_NOW_NS:
        value = f"reads {time.strftime('%Y-%m-%d', time.gmtime(wall_start // 10**9))}"
        return Check("clock", False, value, "set the machine's clock, for example by NTP")
    value = f"{step / 1e6:+.3f} ms against the monotonic clock in {CLOCK_PAUSE_S * 1e3:.0f} ms"
    return Check("clock", abs(step) <= MOST_CLOCK_STEP_NS, value, "let NTP slew the clock instead of setting it")


def _existing(path: Path) -> Path:
    """The nearest folder above a path, or the path itself, that is there."""
    path = path.absolute()
    while not path.is_dir() and path != path.parent:
        path = path.parent
    return path
