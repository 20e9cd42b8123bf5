"""The truth of the exchange in a SQLite file: what was asked, and what became of it. Nothing in the trader reads it.

Rows wait in memory and are written by a thread of their own, so that no answer waits for the disk; the loop has them
written about every 50 ms, and all of them at a clean end. docs/exchange.md shows the tables.
"""

from __future__ import annotations

import fcntl
import sqlite3
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

from kedge.model.errors import DataError, UsageError

SCHEMA = """
CREATE TABLE exchange (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE accounts (account INTEGER PRIMARY KEY, key TEXT NOT NULL, opened_ms INTEGER NOT NULL);
CREATE TABLE requests (
    request INTEGER PRIMARY KEY, received_ns INTEGER NOT NULL, answered_ns INTEGER NOT NULL, account INTEGER,
    via TEXT NOT NULL, method TEXT NOT NULL, route TEXT NOT NULL, client_id TEXT, parameters TEXT NOT NULL,
    executed INTEGER NOT NULL, status INTEGER, code INTEGER, answer TEXT, fault TEXT
);
CREATE TABLE orders (
    order_id INTEGER PRIMARY KEY, account INTEGER NOT NULL, market TEXT NOT NULL, symbol TEXT NOT NULL,
    client_id TEXT NOT NULL, side TEXT NOT NULL, type TEXT NOT NULL, tif TEXT NOT NULL, reduce_only INTEGER NOT NULL,
    price TEXT NOT NULL, quantity TEXT NOT NULL, filled TEXT NOT NULL, quote TEXT NOT NULL, status TEXT NOT NULL,
    reason TEXT NOT NULL, created_ms INTEGER NOT NULL, updated_ms INTEGER NOT NULL
);
CREATE INDEX orders_by_client_id ON orders (client_id);
CREATE TABLE fills (
    fill INTEGER PRIMARY KEY, trade_id INTEGER NOT NULL, order_id INTEGER NOT NULL, account INTEGER NOT NULL,
    market TEXT NOT NULL, symbol TEXT NOT NULL, client_id TEXT NOT NULL, side TEXT NOT NULL, price TEXT NOT NULL,
    quantity TEXT NOT NULL, maker INTEGER NOT NULL, fee TEXT NOT NULL, fee_currency TEXT NOT NULL,
    realised TEXT NOT NULL, at_ms INTEGER NOT NULL
);
CREATE INDEX fills_by_order ON fills (order_id);
CREATE TABLE balances (
    change INTEGER PRIMARY KEY, account INTEGER NOT NULL, wallet TEXT NOT NULL, currency TEXT NOT NULL,
    free TEXT NOT NULL, locked TEXT NOT NULL, reason TEXT NOT NULL, at_ms INTEGER NOT NULL
);
CREATE TABLE positions (
    change INTEGER PRIMARY KEY, account INTEGER NOT NULL, symbol TEXT NOT NULL, quantity TEXT NOT NULL,
    entry TEXT NOT NULL, realised TEXT NOT NULL, unrealised TEXT NOT NULL, at_ms INTEGER NOT NULL
);
CREATE TABLE funding (
    payment INTEGER PRIMARY KEY, account INTEGER NOT NULL, symbol TEXT NOT NULL, rate TEXT NOT NULL,
    mark TEXT NOT NULL, amount TEXT NOT NULL, at_ms INTEGER NOT NULL
);
CREATE VIEW balances_now AS SELECT account, wallet, currency, free, locked, at_ms FROM balances
    WHERE change IN (SELECT max(change) FROM balances GROUP BY account, wallet, currency);
CREATE VIEW positions_now AS SELECT account, symbol, quantity, entry, realised, unrealised, at_ms FROM positions
    WHERE change IN (SELECT max(change) FROM positions GROUP BY account, symbol);
"""


class Truth:
    """Writes rows in batches. `add` only remembers; `flush` hands over; a failed write shows at the next flush."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._rows: list[tuple[str, tuple[Any, ...]]] = []
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="truth")
        self._writing: Future[None] | None = None
        self._statements: dict[tuple[str, int], str] = {}
        try:
            set_aside(path)
            path.parent.mkdir(parents=True, exist_ok=True)
            self._database = self._writer.submit(self._open).result()
            self._held = path.open("rb")
            fcntl.flock(self._held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except (OSError, sqlite3.Error) as error:
            self._writer.shutdown()
            raise DataError(f"{path}: the exchange cannot write its file: {error}", "give another --truth") from None
        except BaseException:
            self._writer.shutdown()
            raise

    def add(self, table: str, *values: Any) -> None:
        """A row for a table, in the order of its columns. An order replaces the row of its id."""
        self._rows.append((table, values))

    def flush(self) -> None:
        """Has the rows written that came together; returns at once. Raises `DataError` if the last write failed."""
        if self._writing is not None:
            if not self._writing.done():
                return
            self._check(self._writing)
        if self._rows:
            rows, self._rows = self._rows, []
            self._writing = self._writer.submit(self._write, rows)

    def close(self) -> None:
        """Writes all there is and closes the file. Raises `DataError` if that fails."""
        try:
            if self._writing is not None:
                self._check(self._writing)
            self._check(self._writer.submit(self._write, self._rows))
        finally:
            self._writer.submit(self._database.close).result()
            self._writer.shutdown()
            self._held.close()

    def _open(self) -> sqlite3.Connection:
        database = sqlite3.connect(self.path, isolation_level=None)
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("PRAGMA synchronous = OFF")
        database.executescript(SCHEMA)
        return database

    def _write(self, rows: list[tuple[str, tuple[Any, ...]]]) -> None:
        self._database.execute("BEGIN")
        for table, values in rows:
            self._database.execute(self._statement(table, len(values)), values)
        self._database.execute("COMMIT")

    def _statement(self, table: str, columns: int) -> str:
        found = self._statements.get((table, columns))
        if found is None:
            # A table whose first column is only a number for the row is filled without it.
            counted = table in ("requests", "fills", "balances", "positions", "funding")
            marks = ", ".join("?" * columns)
            found = f"INSERT OR REPLACE INTO {table} VALUES ({'NULL, ' if counted else ''}{marks})"
            self._statements[table, columns] = found
        return found

    def _check(self, write: Future[None]) -> None:
        try:
            write.result()
        except sqlite3.Error as error:
            message = f"{self.path}: the exchange cannot write its file any more: {error}"
            raise DataError(message, "free disk space, then start it again") from None


def set_aside(path: Path) -> None:
    """Moves the file of an earlier exchange out of the way: `truth.sqlite` to `truth.1.sqlite`, or the next number.

    Raises `UsageError` if an exchange that still runs writes to it, or if it is no file.
    """
    if not path.exists():
        return
    if not path.is_file():
        raise UsageError(f"`--truth` must be a file, was {path}", "for example --truth exchange.sqlite")
    with path.open("rb") as old_file:
        try:
            fcntl.flock(old_file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UsageError(f"another exchange writes to {path}", "end it, or give another --truth FILE") from None
    number = 1
    while (old := path.with_suffix(f".{number}{path.suffix}")).exists():
        number += 1
    for suffix in ("-wal", "-shm", ""):
        part = path.with_name(path.name + suffix)
        if part.exists():
            part.rename(old.with_name(old.name + suffix))
