"""The whole platform on one machine: exchange, trader and server as watched processes, with a data folder of theirs."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import os
import socket
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from kedge.model.errors import KedgeError, UnsafeStateError, UsageError
from kedge.model.settings import ServerSettings, Settings
from kedge.node.processes import Process, kedge_command

# name: file, instrument, limits
EXAMPLES = {
    "quoting": ("quoting.py", "BTC/USDT@simulated", "{ position = 0.05, order_notional = 2_000, daily_loss = 0.05 }"),
    "ema-cross": ("ema_cross.py", "ETH/USDT:USDT@simulated", "{ position = 0.05, daily_loss = 0.05 }"),
}
STOP_TRADER = 15.0
STOP_OTHER = 5.0

OnEvent = Callable[[str], None]


class Platform:
    """One market and one account, from start to stop. The account is new with each start, as its market is.

    `given` is the settings file that was read, `examples` the folder of the strategies that run where it names none.
    """

    def __init__(self, settings: Settings, given: Path | None, examples: Path, on_event: OnEvent) -> None:
        self._settings = settings
        self._on_event = on_event
        self.folder = _new_folder(Path(settings.trader.data))
        self._settings_file = _settings_file(settings, given, examples, self.folder)
        self._addresses: dict[str, Any] = {}
        self._processes: list[Process] = []

    async def start(self) -> dict[str, Any]:
        """Starts everything in its order. Returns what the server said: the page's address and the one-time code.

        Raises what kept a process from becoming ready.
        """
        exchange = self._process("exchange", self._exchange, dict, restart=False)
        self._addresses = await exchange.ready
        self._on_event(f"exchange  {self._addresses['rest']}  (a seeded market behind Binance's protocol)")
        trader = self._process("trader", lambda: self._with_settings("trader"), self._environment)
        server = self._process("server", lambda: self._with_settings("server"), self._server_environment)
        ready = await trader.ready
        self._on_event(f"trader    ready, books equal to the exchange's after {ready['recovery_ms']:.0f} ms")
        return await server.ready

    async def wait(self, seconds: float | None) -> None:
        """Returns after so long, or never. Raises `UnsafeStateError` if the exchange dies: its market is gone."""
        exchange = self._processes[0]
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(exchange.gone.wait(), seconds)
            raise UnsafeStateError(
                "the exchange ended, and its market with it", "start again with `kedge up`: a new market, a new account"
            )

    async def stop(self) -> dict[str, Any]:
        """Stops everything, the trader first. Returns the trader's last words: empty if it never began, an error if it
        did not end cleanly."""
        last: dict[str, Any] = {}
        for process in sorted(self._processes, key=lambda p: ("trader", "server", "exchange").index(p.name)):
            said = await process.stop(STOP_TRADER if process.name == "trader" else STOP_OTHER)
            last = said if process.name == "trader" else last
        return last

    @property
    def restarts(self) -> int:
        """How often a process was started again."""
        return sum(process.restarts for process in self._processes)

    @property
    def truth(self) -> Path:
        """The exchange's own file."""
        return self.folder / "exchange.sqlite"

    async def audit(self) -> dict[str, Any]:
        """What another process finds when it lays our journal beside the exchange's file."""
        command = kedge_command("audit", "--data", str(self.folder), "--truth", str(self.truth), "--json")
        child = await asyncio.create_subprocess_exec(
            *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
        )
        out, errors = await child.communicate()
        try:
            found = json.loads(out.splitlines()[-1])
        except (ValueError, IndexError):
            raise KedgeError(f"the audit said nothing: {errors.decode(errors='replace')}") from None
        return dict(found)

    def _process(self, name: str, command: Any, environment: Any, restart: bool = True) -> Process:
        process = Process(name, command, environment, self._write_state, restart)
        self._processes.append(process)
        return process

    def _exchange(self) -> list[str]:
        exchange = self._settings.exchange
        return kedge_command(
            "exchange", "--port", "0", "--seed", str(exchange.seed), "--speed", str(exchange.speed), "--truth",
            str(self.truth), "--json",
        )  # fmt: skip

    def _with_settings(self, command: str) -> list[str]:
        return kedge_command(command, "--settings", str(self._settings_file), "--json")

    def _environment(self) -> Mapping[str, str]:
        told = self._addresses
        return {
            "KEDGE_VENUE_KEY": told["account"]["key"],
            "KEDGE_VENUE_SECRET": told["account"]["secret"],
            "KEDGE_TRADER_DATA": str(self.folder),
            "KEDGE_VENUE_NAME": "simulated",
            "KEDGE_VENUE_SPOT_REST": told["rest"],
            "KEDGE_VENUE_SPOT_STREAM": told["spot_stream"],
            "KEDGE_VENUE_SPOT_PRIVATE": told["spot_ws_api"],
            "KEDGE_VENUE_USDM_REST": told["usdm_rest"],
            "KEDGE_VENUE_USDM_STREAM": told["usdm_stream"],
            "KEDGE_VENUE_USDM_PRIVATE": told["usdm_stream"],
            "KEDGE_VENUE_USDM_ORDER": told["usdm_ws_api"],
        }

    def _server_environment(self) -> Mapping[str, str]:
        """As the trader's; where nobody chose the port and another program has it, a free one is taken."""
        taken = self._settings.server == ServerSettings() and not _is_free(self._settings.server.port)
        return {**self._environment(), **({"KEDGE_SERVER_PORT": "0"} if taken else {})}

    def _write_state(self) -> None:
        state = {
            "processes": [process.as_json() for process in self._processes],
            "exchange": {name: self._addresses.get(name) for name in ("rest", "usdm_rest", "admin", "truth")},
            "server": next((p.said.get("address") for p in self._processes if p.name == "server"), None),
        }
        draft = self.folder / "up.json.new"
        draft.write_text(json.dumps(state), encoding="utf-8")
        draft.replace(self.folder / "up.json")


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        # As servers do: a port whose last connections are still closing is free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _new_folder(root: Path) -> Path:
    """A folder for this start; `current` in the root leads to it, so that other commands find it."""
    root.mkdir(parents=True, exist_ok=True)
    name = datetime.now(UTC).strftime("%Y%m%dT%H%M%S")
    for number in itertools.count(1):
        folder = root / (name if number == 1 else f"{name}-{number}")
        with contextlib.suppress(FileExistsError):
            folder.mkdir()
            break
    link = root / f".current-{os.getpid()}"
    link.symlink_to(folder.name)
    link.replace(root / "current")
    return folder.resolve()


def _settings_file(settings: Settings, given: Path | None, examples: Path, folder: Path) -> Path:
    """The settings of the trader and the server: the user's file, with the examples where it names no strategy."""
    if settings.venue.name != "simulated":
        raise UsageError(
            f"`kedge up` trades on its own exchange, but `venue.name` is {settings.venue.name}",
            "run `kedge trader` and `kedge server` for another venue",
        )
    text = given.read_text(encoding="utf-8") if given is not None else ""
    if not settings.strategy:
        missing = [file for file, _, _ in EXAMPLES.values() if not (examples / file).is_file()]
        if missing:
            raise UsageError(
                f"{examples / missing[0]} is not there, and the settings name no strategy",
                "run it in Kedge's folder, give --examples, or add a [[strategy]] to kedge.toml",
            )
        for name, (file, instrument, limits) in EXAMPLES.items():
            place = json.dumps(str((examples / file).resolve()))
            text += f'\n[[strategy]]\nname = "{name}"\nfile = {place}\ninstrument = "{instrument}"\n'
            text += f"limits = {limits}\n"
    path = folder / "kedge.toml"
    path.write_text(text, encoding="utf-8")
    return path
