"""Who may use the page: one-time codes, and the sessions they open. In memory: a restarted server knows none."""

from __future__ import annotations

import hmac
import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from kedge.api.errors import NotLoggedInError, TooManyTriesError

IDLE_S = 30 * 60
LONGEST_S = 12 * 60 * 60
FREE_TRIES = 5
TRIES_MAX = 50
WINDOW_S = 15 * 60
# 32 characters that are not mistaken for one another: 8 of them are 40 bits.
ALPHABET = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"
SESSIONS_MAX = 64


@dataclass(slots=True)
class _Login:
    began: float
    used: float


class Sessions:
    """Codes and sessions of one server. Threads may share it. `clock` counts seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._code: str | None = None
        self._wrong: list[float] = []
        self._logins: dict[str, _Login] = {}

    def new_code(self) -> str:
        """A code that opens one session. The one before it, if unused, no longer does."""
        code = "".join(secrets.choice(ALPHABET) for _ in range(8))
        with self._lock:
            self._code = code
            self._wrong.clear()
        return f"{code[:4]}-{code[4:]}"

    def login(self, code: str) -> str:
        """A new session for the code. Raises `NotLoggedInError` for a wrong one, `TooManyTriesError` for too many."""
        given = "".join(code.upper().replace("-", " ").split())
        with self._lock:
            now = self._clock()
            self._wrong = [at for at in self._wrong if now - at < WINDOW_S]
            self._hold_back(now)
            if self._code is None or not hmac.compare_digest(given.encode(), self._code.encode()):
                self._wrong.append(now)
                if len(self._wrong) >= TRIES_MAX:
                    self._code = None
                raise NotLoggedInError(
                    "the code is wrong or was used before",
                    "take the newest one, or `kedge server --new-code` on the machine that the server runs on",
                )
            self._code = None
            self._wrong.clear()
            token = secrets.token_urlsafe(32)
            self._forget_ended(now)
            self._logins[token] = _Login(now, now)
            return token

    def use(self, token: str) -> bool:
        """Whether a session is open; it counts as used now."""
        with self._lock:
            now = self._clock()
            login = self._logins.get(token)
            if login is None or self._has_ended(login, now):
                return False
            login.used = now
            return True

    def end(self, token: str) -> None:
        """Ends a session, if it is there."""
        with self._lock:
            self._logins.pop(token, None)

    def _hold_back(self, now: float) -> None:
        over = len(self._wrong) - FREE_TRIES
        if over >= 0:
            after = self._wrong[-1] + min(2.0**over, 300.0) - now
            if after > 0:
                raise TooManyTriesError(after)

    def _forget_ended(self, now: float) -> None:
        self._logins = {token: login for token, login in self._logins.items() if not self._has_ended(login, now)}
        while len(self._logins) >= SESSIONS_MAX:
            self._logins.pop(min(self._logins, key=lambda token: self._logins[token].used))

    @staticmethod
    def _has_ended(login: _Login, now: float) -> bool:
        return now - login.used > IDLE_S or now - login.began > LONGEST_S
