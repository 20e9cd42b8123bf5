"""Accounts with their keys, listen keys, and what each account did that Binance tells again: fills and income."""

from __future__ import annotations

import hashlib
import secrets
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from kedge.venues.simulated.errors import VenueError

LISTEN_KEY_LIFE_NS = 60 * 60 * 10**9
# More than these are forgotten, oldest first; the truth keeps all.
FILLS_KEPT = 20_000
INCOME_KEPT = 10_000


@dataclass(frozen=True, slots=True)
class Fill:
    """One execution of an account's order. Prices in ticks, quantities in steps, times of the market."""

    trade_id: int
    order_id: int
    instrument: int
    side: str
    price: int
    quantity: int
    maker: bool
    fee: str
    fee_currency: str
    realised: str
    ts: int


@dataclass(slots=True)
class Account:
    """One account: spot and futures wallets behind one key. `number` is the core's."""

    number: int
    key: str
    secret: str = field(repr=False)
    fills: deque[Fill] = field(default_factory=lambda: deque(maxlen=FILLS_KEPT), repr=False)
    income: deque[dict[str, Any]] = field(default_factory=lambda: deque(maxlen=INCOME_KEPT), repr=False)
    # (instrument, order id) → the id a cancel came with
    cancels: dict[tuple[int, int], str] = field(default_factory=dict, repr=False)
    updated: int = 0

    @property
    def uid(self) -> int:
        """A number like the venue's user id."""
        return 10_000_000 + self.number


class Accounts:
    """All accounts of one exchange, by number and by key."""

    def __init__(self) -> None:
        self._by_number: dict[int, Account] = {}
        self._by_key: dict[str, Account] = {}
        self._listen_keys: dict[str, tuple[int, int]] = {}  # listen key → (account, wall time it ends)

    def __iter__(self) -> Iterator[Account]:
        return iter(self._by_number.values())

    def __getitem__(self, number: int) -> Account:
        return self._by_number[number]

    def add(self, number: int, key: str | None = None, secret: str | None = None) -> Account:
        """Makes an account known, with fresh keys where none are given."""
        account = Account(number, key or secrets.token_hex(32), secret or secrets.token_hex(32))
        self._by_number[number] = account
        self._by_key[account.key] = account
        return account

    def of_key(self, key: str | None) -> Account:
        """The account of an API key. Raises `VenueError` (-2014, -2015)."""
        if not key or not key.isalnum():
            raise VenueError(-2014, "API-key format invalid.", 401)
        account = self._by_key.get(key)
        if account is None:
            raise VenueError(-2015, "Invalid API-key, IP, or permissions for action.", 401)
        return account

    def listen_key(self, account: Account, now: int) -> str:
        """The account's listen key, made or prolonged. `now` is our wall clock."""
        for key, (number, ends) in self._listen_keys.items():
            if number == account.number and ends > now:
                self._listen_keys[key] = (number, now + LISTEN_KEY_LIFE_NS)
                return key
        key = hashlib.sha256(secrets.token_bytes(32)).hexdigest()
        self._listen_keys[key] = (account.number, now + LISTEN_KEY_LIFE_NS)
        return key

    def has_listen_key(self, account: Account, now: int) -> bool:
        """Whether the account has a listen key that has not ended."""
        return any(number == account.number and ends > now for number, ends in self._listen_keys.values())

    def of_listen_key(self, key: str, now: int) -> Account | None:
        """The account of a listen key that has not ended."""
        number, ends = self._listen_keys.get(key, (-1, 0))
        return self._by_number.get(number) if ends > now else None

    def end_listen_key(self, account: Account) -> None:
        """Ends the account's listen keys: they are among the expired ones next time."""
        for key, (number, _) in self._listen_keys.items():
            if number == account.number:
                self._listen_keys[key] = (number, 0)

    def expired_listen_keys(self, now: int) -> list[tuple[str, Account]]:
        """The listen keys whose hour is over; they are gone after this."""
        ended = [(key, number) for key, (number, ends) in self._listen_keys.items() if ends <= now]
        for key, _ in ended:
            del self._listen_keys[key]
        return [(key, self._by_number[number]) for key, number in ended]
