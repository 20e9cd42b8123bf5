"""What `kedge doctor` checks for live trading: page, port, trader, journal, connection."""

from __future__ import annotations

import importlib
import json
import socket
import time
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kedge.cli.trader_access import asked
from kedge.model.errors import KedgeError, UsageError
from kedge.model.settings import Settings

if TYPE_CHECKING:
    from kedge.node.folders import DataFolder

PAGE = "_web/index.html"
TIME_PATHS = {"spot": "/api/v3/time", "usdm": "/fapi/v1/time"}
PATIENCE_S = 3.0
# Requests name their time; a venue takes them within a second or so.
MOST_OFFSET_S = 1.0


@dataclass(frozen=True, slots=True)
class Check:
    """One thing looked at: what it is, whether it is well, what was found, what to do if it is not."""

    check: str
    ok: bool
    value: str
    next: str = ""

    def as_json(self) -> dict[str, object]:
        """The check as `--json` prints it; `next` is empty where there is nothing to do."""
        return {"check": self.check, "ok": self.ok, "value": self.value, "next": "" if self.ok else self.next}


def examine_trading(settings: Settings, package: Path) -> list[Check]:
    """Every check of live trading, in the order a person would mend them."""
    from kedge.node.folders import data_folder

    folder = data_folder(Path(settings.trader.data))
    return [
        check_live_packages(),
        check_page(package),
        check_port(settings.server.port),
        check_trader(folder),
        check_journal(folder),
        *check_connections(settings, time.time),
    ]


def check_live_packages() -> Check:
    """The libraries that live trading uses can be imported."""
    found = []
    for name in ("aiohttp", "picows", "uvloop", "orjson", "fastapi", "uvicorn"):
        try:
            importlib.import_module(name)
        except ImportError as error:
            return Check("live packages", False, str(error), "make setup installs them")
        found.append(f"{name} {version(name)}")
    return Check("live packages", True, ", ".join(found))


def check_page(package: Path) -> Check:
    """The page has been built."""
    there = (package / PAGE).is_file()
    return Check("page", there, "built" if there else f"{PAGE} is not there", "make setup builds it")


def check_port(port: int) -> Check:
    """The page's port is free, or Kedge's own server has it."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
            return Check("port", True, f"{port} is free" if port else "any free one")
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
    try:
        ours = isinstance(_get(f"http://127.0.0.1:{port}/api/health"), dict)
    except (OSError, ValueError):
        ours = False
    if ours:
        return Check("port", True, f"{port} has Kedge's own server")
    return Check("port", False, f"{port}: {reason}", "end the program that has it, or set another `port` in [server]")


def check_trader(folder: DataFolder) -> Check:
    """If a trader holds the account, it answers."""
    try:
        answer = asked(folder, "status")
    except KedgeError as error:
        return Check("trader", False, error.message, error.hint)
    if answer.result is not None:
        return Check("trader", True, "runs, HALTED" if answer.result.get("halted") else "runs")
    if answer.gone:
        return Check("trader", True, "does not run; starts halted" if folder.halted.exists() else "does not run")
    return Check("trader", False, answer.why, "end that process (SIGTERM, then SIGKILL) and start the trader again")


def check_journal(folder: DataFolder) -> Check:
    """The newest session can be read to its end."""
    from kedge import _core
    from kedge.journal import Kind

    sessions = [path for _, path in folder.sessions() if (path / "decisions.kj").is_file()]
    if not sessions:
        return Check("journal", True, f"none yet in {folder.root}")
    path, records, last = sessions[-1], 0, None
    try:
        reader = _core.JournalReader(str(path))
        for record in reader:
            records, last = records + 1, record[2]
    except KedgeError as error:
        return Check("journal", False, error.message, error.hint or f"keep {path} as it is, and look into it")
    found = f"{path}: {records:,} records"
    torn: dict[str, Any] = reader.torn or {}
    if torn.get("durable_lost"):
        lost = f"{found}, and {torn['durable_lost']} that had been on the disk are gone"
        return Check("journal", False, lost, "the disk lost them: look at every open order at the venue by hand")
    if torn:
        return Check("journal", True, f"{found}; a crash left {torn['bytes']:,} bytes that do not count")
    return Check("journal", True, f"{found}, {'ended cleanly' if last == Kind.CLOSED else 'no clean end (yet)'}")


def check_connections(settings: Settings, wall: Callable[[], float]) -> list[Check]:
    """Each market of the strategies answers, and its clock is near ours."""
    from kedge.node.connections import addresses
    from kedge.node.live_spec import market_of

    markets = sorted({market_of(entry.instrument) for entry in settings.strategy}) or ["spot", "usdm"]
    found = []
    for market in markets:
        try:
            rest = addresses(settings.venue, market).rest
        except UsageError:
            told = f"{market}: no exchange is set; `kedge up` starts its own"
            found.append(Check("connection", not _half_set(settings, market), told, f"set every {market}_… in [venue]"))
            continue
        found.append(_connection(market, rest, wall))
    if settings.venue.name == "binance" and not (settings.venue.key and settings.venue.secret):
        found.append(Check("keys", False, "none for Binance", "set KEDGE_VENUE_KEY and KEDGE_VENUE_SECRET"))
    return found


def _half_set(settings: Settings, market: str) -> bool:
    return any(getattr(settings.venue, f"{market}_{part}") for part in ("rest", "stream", "private"))


def _connection(market: str, rest: str, wall: Callable[[], float]) -> Check:
    sent = wall()
    try:
        told = _get(rest + TIME_PATHS[market])
        theirs = int(told["serverTime"]) / 1e3
    except OSError as error:
        return Check("connection", False, f"{market}: {rest}: {error}", "check the address in [venue] and the network")
    except (ValueError, KeyError, TypeError):
        what = f"{market}: {rest} answers, but not as Binance does"
        return Check("connection", False, what, f"check `{market}_rest` in [venue]")
    got = wall()
    offset, bound = theirs - (sent + got) / 2, (got - sent) / 2
    value = f"{market}: {rest} answers in {(got - sent) * 1e3:.0f} ms, its clock {offset * 1e3:+.0f} ms from ours"
    near = abs(offset) - bound <= MOST_OFFSET_S
    return Check("connection", near, value, "set this machine's clock, for example by NTP")


def _get(address: str) -> Any:
    with urllib.request.urlopen(address, timeout=PATIENCE_S) as answer:
        return json.loads(answer.read(1 << 16))
