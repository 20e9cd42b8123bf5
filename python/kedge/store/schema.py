"""The tables, and the file they are in: opened, checked, thrown away when it is not what it should be."""

from __future__ import annotations

import hashlib
import sqlite3
from pathlib import Path

VERSION = 1
"""Of the tables. A file of another version is made again."""

TABLES = """
CREATE TABLE sessions (
    epoch INTEGER PRIMARY KEY, account TEXT, trader TEXT, venue TEXT, mode TEXT, opened_ns INTEGER, header TEXT,
    seq INTEGER, wall_ns INTEGER, state TEXT, trace_hash TEXT
);
CREATE TABLE strategies (
    epoch INTEGER, ix INTEGER, name TEXT, instrument TEXT, params TEXT, limits TEXT, PRIMARY KEY (epoch, ix)
) WITHOUT ROWID;
CREATE TABLE instruments (id TEXT PRIMARY KEY, epoch INTEGER, definition TEXT) WITHOUT ROWID;
CREATE TABLE orders (
    id INTEGER PRIMARY KEY, epoch INTEGER, client_id TEXT, strategy TEXT, instrument TEXT, side TEXT, kind TEXT,
    tif TEXT, price TEXT, quantity TEXT, filled TEXT, state TEXT, pending TEXT, reason TEXT, queue_ahead TEXT,
    open INTEGER, created_ns INTEGER, updated_ns INTEGER, seq INTEGER, durable_ns INTEGER, context TEXT
);
CREATE INDEX orders_open ON orders (open) WHERE open;
CREATE INDEX orders_strategy ON orders (strategy, id);
CREATE TABLE steps (
    order_id INTEGER, epoch INTEGER, seq INTEGER, at_ns INTEGER, kind TEXT, details TEXT,
    PRIMARY KEY (order_id, epoch, seq, kind)
) WITHOUT ROWID;
CREATE TABLE fills (
    epoch INTEGER, seq INTEGER, order_id INTEGER, trade_id TEXT, strategy TEXT, instrument TEXT, side TEXT, price TEXT,
    quantity TEXT, liquidity TEXT, fee TEXT, fee_currency TEXT, realised TEXT, at_ns INTEGER, venue_ns INTEGER,
    PRIMARY KEY (epoch, seq)
) WITHOUT ROWID;
CREATE INDEX fills_order ON fills (order_id);
CREATE TABLE postings (
    epoch INTEGER, seq INTEGER, line INTEGER, order_id INTEGER, owner TEXT, account TEXT, currency TEXT, amount TEXT,
    at_ns INTEGER, PRIMARY KEY (epoch, seq, line)
) WITHOUT ROWID;
CREATE INDEX postings_order ON postings (order_id);
CREATE TABLE balances (currency TEXT PRIMARY KEY, amount TEXT, epoch INTEGER, at_ns INTEGER) WITHOUT ROWID;
CREATE TABLE equity (
    at_ns INTEGER PRIMARY KEY, epoch INTEGER, equity TEXT, start TEXT, peak TEXT, drawdown REAL
);
CREATE TABLE refusals (
    epoch INTEGER, seq INTEGER, at_ns INTEGER, strategy TEXT, instrument TEXT, side TEXT, kind TEXT, tif TEXT,
    price TEXT, quantity TEXT, reason TEXT, PRIMARY KEY (epoch, seq)
) WITHOUT ROWID;
CREATE INDEX refusals_strategy ON refusals (strategy, epoch, seq);
CREATE TABLE events (
    epoch INTEGER, seq INTEGER, n INTEGER, at_ns INTEGER, kind TEXT, level TEXT, text TEXT, strategy TEXT,
    instrument TEXT, order_id INTEGER, PRIMARY KEY (epoch, seq, n)
) WITHOUT ROWID;
CREATE TABLE statuses (epoch INTEGER PRIMARY KEY, seq INTEGER, at_ns INTEGER, json TEXT);
CREATE TABLE reconciliations (epoch INTEGER, seq INTEGER, at_ns INTEGER, json TEXT, PRIMARY KEY (epoch, seq))
    WITHOUT ROWID;
CREATE TABLE candles (
    instrument TEXT, interval INTEGER, start INTEGER, open INTEGER, high INTEGER, low INTEGER, close INTEGER,
    volume INTEGER, PRIMARY KEY (instrument, interval, start)
) WITHOUT ROWID;
CREATE TABLE incidents (at_ns INTEGER, text TEXT);
"""

PROJECTED = (
    "sessions", "strategies", "instruments", "orders", "steps", "fills", "postings", "balances", "equity", "refusals",
    "events", "statuses", "reconciliations", "candles",
)  # fmt: skip
"""The tables that the journals alone determine. `incidents` is about this file."""


def connect(path: Path) -> sqlite3.Connection:
    """A connection for writing, to a file that may be new. Raises `sqlite3.Error`."""
    database = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    database.execute("PRAGMA journal_mode = WAL")
    # What a power cut takes is read from the journals again.
    database.execute("PRAGMA synchronous = OFF")
    return database


def connect_to_read(path: Path) -> sqlite3.Connection:
    """A connection that changes nothing, with rows by name. Raises `sqlite3.Error` if the file is not there."""
    database = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True, isolation_level=None)
    database.row_factory = sqlite3.Row
    return database


def create(database: sqlite3.Connection) -> None:
    """Makes the tables in an empty file."""
    database.executescript(f"BEGIN; {TABLES} PRAGMA user_version = {VERSION}; COMMIT;")


def fault(database: sqlite3.Connection) -> str:
    """What is wrong with a file; empty if nothing is, or if it is new."""
    found = database.execute("PRAGMA quick_check(1)").fetchone()[0]
    if found != "ok":
        return str(found)
    version = database.execute("PRAGMA user_version").fetchone()[0]
    tables = database.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
    if version != VERSION and tables:
        return f"its tables are of version {version}, this is version {VERSION}"
    return ""


def remove(path: Path) -> None:
    """Removes the file and what SQLite keeps beside it."""
    for suffix in ("", "-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)


def digest(database: sqlite3.Connection) -> dict[str, str]:
    """A hash over all rows of each projected table: equal tables, equal hashes."""
    found = {}
    for table in PROJECTED:
        rows = hashlib.sha256()
        columns = len(database.execute(f"PRAGMA table_info({table})").fetchall())
        order = ", ".join(str(at) for at in range(1, columns + 1))
        for row in database.execute(f"SELECT * FROM {table} ORDER BY {order}"):
            rows.update(repr(tuple(row)).encode())
        found[table] = rows.hexdigest()[:16]
    return found
