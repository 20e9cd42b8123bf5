"""Opens a live session: instruments from the venue, books from the last session, a journal of its own."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from kedge import _core
from kedge.backtest.limits import quote_currency
from kedge.backtest.spec import RunSpec, instances
from kedge.execution.client_ids import first_order
from kedge.execution.order_follower import Line
from kedge.execution.reconciliation import held_at
from kedge.model.errors import UnsafeStateError
from kedge.model.settings import Settings
from kedge.node import connections
from kedge.node.folders import DataFolder
from kedge.node.live_spec import account_name, instruments_of, live_spec, market_of, symbol_of
from kedge.node.sessions import LeftBehind
from kedge.strategies.strategy import Strategy
from kedge.venues.binance import BinanceVenue, Market


@dataclass(frozen=True, slots=True)
class Opened:
    """A session that has been opened: what it runs, where its orders go, what the account began with."""

    session: _core.LiveSession
    spec: RunSpec
    lines: Sequence[Line]
    epoch: int
    path: str
    capital: Decimal


async def open_session(
    settings: Settings, folder: DataFolder, clients: Mapping[Market, BinanceVenue], left: LeftBehind
) -> Opened:
    """Starts the venues' clients and opens the session that follows `left`.

    Raises `UnsafeStateError` if the journal is of another account or of other strategies.
    """
    instruments = instruments_of(settings)
    symbols = {ident: symbol_of(ident) for ids in instruments.values() for ident in ids}
    definitions = await connections.start(clients, instruments, symbols)
    lines = [_line(settings, clients, ix, definition) for ix, definition in enumerate(definitions)]
    balances = await held_at(lines) if left.books is None else left.balances
    epoch = left.epoch + 1
    spec = live_spec(settings, definitions, balances, seed=epoch)
    account = account_of(settings)
    _check_same(folder, left, account, spec)
    path = folder.session(epoch)
    path.parent.mkdir(parents=True, exist_ok=True)
    live = {"mode": "live", "account": account, "trader": settings.trader.id, "epoch": epoch}
    header = {**spec.header(), **live, "venue": settings.venue.name, "kedge": _core.__version__}
    session = _core.LiveSession(
        json.dumps(spec.engine),
        [(json.dumps(definition), line.market) for definition, line in zip(definitions, lines, strict=True)],
        [
            (seat.instrument, json.dumps(seat.limits), strategy, Strategy)
            for seat, strategy in zip(spec.seats, instances(spec), strict=True)
        ],
        str(path),
        os.urandom(16),
        json.dumps(header),
        left.books,
        first_order(epoch),
        time.time_ns(),
    )
    capital = sum((balances.get(quote, Decimal(0)) for quote in {line.quote for line in lines}), Decimal(0))
    return Opened(session, spec, lines, epoch, str(path), capital)


def account_of(settings: Settings) -> str:
    """What the account is called in journals: the venue and a digest of the key."""
    return account_name(settings.venue.name, settings.venue.key)


def _line(settings: Settings, clients: Mapping[Market, BinanceVenue], ix: int, definition: Mapping[str, Any]) -> Line:
    ident = str(definition["id"])
    market = market_of(ident)
    mine = tuple(at for at, entry in enumerate(settings.strategy) if entry.instrument == ident)
    base = ident.partition("/")[0]
    return Line(ix, str(definition["symbol"]), market, base, quote_currency(definition), clients[market], mine)


def _check_same(folder: DataFolder, left: LeftBehind, account: str, spec: RunSpec) -> None:
    if left.books is None:
        return
    if left.account != account:
        raise UnsafeStateError(
            f"{folder.root} holds the journal of account {left.account}, the keys are of {account}",
            "give this account a folder of its own in [trader] data",
        )
    seats = [(seat.name, str(spec.instruments[seat.instrument]["id"])) for seat in spec.seats]
    if list(left.seats) != seats:
        raise UnsafeStateError(
            f"the last session traded {_names(left.seats)}, the settings say {_names(seats)}",
            "bring the strategies back as they were, or begin in another folder with [trader] data",
        )


def _names(seats: Sequence[tuple[str, str]]) -> str:
    return ", ".join(f"{name} on {instrument}" for name, instrument in seats)
