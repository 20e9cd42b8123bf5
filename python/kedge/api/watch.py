"""The thread that follows the journal and tells the server's loop what changed."""

from __future__ import annotations

import json
import logging
import socket
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from kedge.api.live import LiveState
from kedge.execution.client_ids import client_id
from kedge.model.errors import KedgeError
from kedge.node.folders import DataFolder
from kedge.store.follower import Follower
from kedge.store.queries import Tables

TELL_EVERY_S = 0.1
PAUSE_S = 0.03
LOOK_EVERY_S = 1.0
AFTER_TROUBLE_S = 1.0
DATABASE = "kedge.sqlite"

Publish = Callable[[dict[str, Any], dict[str, Any]], None]
_log = logging.getLogger("kedge.server")


class Watch:
    """Follows one data folder while the block runs. `publish(state, changes)` is called on this thread.

    Raises `KedgeError` at the start where the tables cannot be made.
    """

    def __init__(self, folder: DataFolder, publish: Publish) -> None:
        self._folder = folder
        self._publish = publish
        self._stop = threading.Event()
        self._follower = Follower(folder.journal, folder.root / DATABASE, client_id)
        self.live = LiveState(Tables(folder.root / DATABASE))
        self._thread = threading.Thread(target=self._run, name="journal", daemon=True)
        self._wanted = threading.Event()
        self._level: dict[str, int] = {}
        self._world: dict[str, Any] = {}
        self._looked = 0.0
        self._trouble = ""

    def __enter__(self) -> Watch:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
        self._follower.close()

    def rebuild(self) -> dict[str, Any]:
        """Asks for the tables to be made again. Answers how often they were so far."""
        made = self._follower.made
        self._wanted.set()
        return {"made": made}

    def store(self) -> dict[str, Any]:
        """How often the tables were made again, and their rows once they have caught up."""
        return {"made": self._follower.made, "rows": self._level}

    def _run(self) -> None:
        told = 0.0
        made = -1
        while not self._stop.is_set():
            busy = False
            try:
                self._drop_if_wanted()
                if made != self._follower.made:
                    self._follower.catch_up(self._stop.is_set)
                    made = self._follower.made
                    self._level = self._follower.counts()
                busy = self._follower.step()
                self._trouble = ""
            except KedgeError as error:
                self._in_trouble(f"{error.message}. {error.hint}".strip())
            except Exception as error:
                _log.exception("following the journal failed")
                self._in_trouble(f"the server cannot follow the journal: {error!r}")
            if time.monotonic() - told >= TELL_EVERY_S:
                told = time.monotonic()
                self._tell()
            if not busy:
                self._stop.wait(PAUSE_S)

    def _drop_if_wanted(self) -> None:
        if self._wanted.is_set():
            self._level = {}
            self._follower.make_again("a person asked for it")
            self._wanted.clear()
        elif time.monotonic() - self._looked >= LOOK_EVERY_S and self._follower.is_gone():
            self._follower.make_again("it was removed")

    def _in_trouble(self, what: str) -> None:
        if what != self._trouble:
            _log.error("%s", what)
        self._trouble = what
        self._stop.wait(AFTER_TROUBLE_S)

    def _tell(self) -> None:
        try:
            if time.monotonic() - self._looked >= LOOK_EVERY_S:
                self._looked = time.monotonic()
                self._world = {"connected": answers_commands(self._folder), "processes": processes(self._folder)}
            changes = self.live.update(self._follower, self._world, self._trouble)
        except KedgeError as error:
            self._in_trouble(error.message)
            return
        except Exception:
            _log.exception("the state cannot be told")
            self._stop.wait(AFTER_TROUBLE_S)
            return
        if changes:
            self._publish(self.live.state, changes)


def answers_commands(folder: DataFolder) -> bool:
    """Whether somebody listens at the trader's control socket."""
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(0.5)
            connection.connect(str(folder.socket))
            return True
    except (OSError, KedgeError):
        return False


def processes(folder: DataFolder) -> list[dict[str, Any]]:
    """The processes that `kedge up` watches; none without it."""
    try:
        told = json.loads((folder.root / "up.json").read_bytes())
        return [
            {
                "name": str(process["name"]),
                "pid": process.get("pid"),
                "state": str(process["state"]),
                "since": _since(process.get("since")),
                "restarts": int(process.get("restarts") or 0),
            }
            for process in told["processes"]
        ]
    except (OSError, ValueError, KeyError, TypeError):
        return []


def _since(value: object) -> str | None:
    if isinstance(value, (int, float)):
        return f"{datetime.fromtimestamp(value, UTC):%Y-%m-%dT%H:%M:%S}.{int(value * 1_000) % 1_000:03d}Z"
    return value if isinstance(value, str) else None
