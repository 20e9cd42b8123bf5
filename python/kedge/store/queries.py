"""Questions to the tables. Each opens the file to read and lets it go: the writer may have made it again in between."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from kedge.model.errors import KedgeError
from kedge.store import schema

Row = sqlite3.Row


class Tables:
    """The tables of one data folder. Threads may share it."""

    def __init__(self, path: Path) -> None:
        self._path = path

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """One consistent view of the tables. Raises `KedgeError` where the file is not to be read now."""
        try:
            with closing(schema.connect_to_read(self._path)) as database:
                database.execute("BEGIN")
                yield database
        except sqlite3.Error as error:
            hint = "ask again in a moment: the server makes it again from the journals"
            raise KedgeError(f"{self._path.name} cannot be read now: {error}", hint) from None

    def orders(self, only_open: bool, strategy: str | None, limit: int, before: int | None) -> tuple[list[Row], int]:
        """Orders, newest first, and how many there are of them."""
        where, values = ["1"], list[Any]()
        if only_open:
            where.append("open")
        if strategy is not None:
            where.append("strategy = ?")
            values.append(strategy)
        with self.reading() as database:
            fitting = " AND ".join(where)
            total = database.execute(f"SELECT count(*) FROM orders WHERE {fitting}", values).fetchone()[0]
            if before is not None:
                fitting += " AND id < ?"
                values.append(before)
            query = f"SELECT * FROM orders WHERE {fitting} ORDER BY id DESC LIMIT ?"
            return database.execute(query, [*values, limit]).fetchall(), int(total)

    def order(self, order: int) -> Row | None:
        """One order."""
        with self.reading() as database:
            found: Row | None = database.execute("SELECT * FROM orders WHERE id = ?", [order]).fetchone()
            return found

    def fills(self, strategy: str | None, instrument: str | None, limit: int) -> tuple[list[Row], int]:
        """Fills, newest first, and how many there are of them."""
        where, values = ["1"], list[Any]()
        for column, value in (("strategy", strategy), ("instrument", instrument)):
            if value is not None:
                where.append(f"{column} = ?")
                values.append(value)
        fitting = " AND ".join(where)
        with self.reading() as database:
            total = database.execute(f"SELECT count(*) FROM fills WHERE {fitting}", values).fetchone()[0]
            query = f"SELECT * FROM fills WHERE {fitting} ORDER BY epoch DESC, seq DESC LIMIT ?"
            return database.execute(query, [*values, limit]).fetchall(), int(total)

    def fill(self, epoch: int, seq: int) -> Row | None:
        """One fill."""
        with self.reading() as database:
            found: Row | None = database.execute(
                "SELECT * FROM fills WHERE epoch = ? AND seq = ?", [epoch, seq]
            ).fetchone()
            return found

    def candles(self, instrument: str, interval: int, limit: int) -> list[Row]:
        """The newest candles of an instrument, oldest first; prices in ticks, volume in steps."""
        query = "SELECT * FROM candles WHERE instrument = ? AND interval = ? ORDER BY start DESC LIMIT ?"
        with self.reading() as database:
            return database.execute(query, [instrument, interval, limit]).fetchall()[::-1]

    def candle(self, instrument: str, interval: int, start: int) -> Row | None:
        """One candle."""
        query = "SELECT * FROM candles WHERE instrument = ? AND interval = ? AND start = ?"
        with self.reading() as database:
            found: Row | None = database.execute(query, [instrument, interval, start]).fetchone()
            return found

    def definition(self, instrument: str) -> str | None:
        """An instrument's definition as JSON."""
        with self.reading() as database:
            row = database.execute("SELECT definition FROM instruments WHERE id = ?", [instrument]).fetchone()
            return str(row[0]) if row is not None else None

    def equity(self, limit: int) -> list[Row]:
        """At most `limit` samples over all there are, the newest among them, oldest first."""
        query = """
            SELECT * FROM (
                SELECT *, row_number() OVER (ORDER BY at_ns DESC) - 1 AS back, count(*) OVER () AS n FROM equity
            ) WHERE back % max(1, (n + ? - 1) / ?) = 0 ORDER BY at_ns
        """
        with self.reading() as database:
            return database.execute(query, [limit, limit]).fetchall()

    def sample(self, at_ns: int) -> Row | None:
        """The first sample at or after a moment."""
        query = "SELECT * FROM equity WHERE at_ns >= ? ORDER BY at_ns LIMIT 1"
        with self.reading() as database:
            found: Row | None = database.execute(query, [at_ns]).fetchone()
            return found

    def events(self, limit: int) -> list[Row]:
        """Events, newest first."""
        with self.reading() as database:
            query = "SELECT * FROM events ORDER BY epoch DESC, seq DESC, n DESC LIMIT ?"
            return database.execute(query, [limit]).fetchall()

    def event(self, epoch: int, seq: int, n: int) -> Row | None:
        """One event."""
        query = "SELECT * FROM events WHERE epoch = ? AND seq = ? AND n = ?"
        with self.reading() as database:
            found: Row | None = database.execute(query, [epoch, seq, n]).fetchone()
            return found

    def incidents(self, limit: int) -> list[Row]:
        """What befell this file, newest first."""
        with self.reading() as database:
            return database.execute("SELECT * FROM incidents ORDER BY at_ns DESC LIMIT ?", [limit]).fetchall()

    def last(self, table: str, epoch: int) -> Row | None:
        """The newest status or reconciliation of a session: `statuses` or `reconciliations`."""
        with self.reading() as database:
            found: Row | None = database.execute(
                f"SELECT * FROM {table} WHERE epoch = ? ORDER BY seq DESC LIMIT 1", [epoch]
            ).fetchone()
            return found

    def life(self, order: int) -> dict[str, Sequence[Row]]:
        """Everything that is told of one order.

        `order` (empty: there is none), `steps`, `fills`, `postings`, `strategy`, `instrument`; of its strategy the
        `refusals` in the same moment, the fills `before` it and the orders `within_second` of it, with this one.
        """
        with self.reading() as database:

            def rows(query: str, *values: object) -> list[Row]:
                return database.execute(query, values).fetchall()

            found = rows("SELECT * FROM orders WHERE id = ?", order)
            if not found:
                return {"order": []}
            row = found[0]
            before = "SELECT * FROM fills WHERE strategy = ? AND (epoch, seq) < (?, ?)"
            rate = (
                "SELECT id FROM orders WHERE strategy = ? AND id <= ? AND created_ns > ? ORDER BY id DESC LIMIT 10000"
            )
            refusals = "SELECT * FROM refusals WHERE epoch = ? AND strategy = ? AND at_ns = ?"
            strategy = "SELECT * FROM strategies WHERE epoch = ? AND name = ?"
            return {
                "order": found,
                "steps": rows("SELECT * FROM steps WHERE order_id = ? ORDER BY epoch, seq", order),
                "fills": rows("SELECT * FROM fills WHERE order_id = ? ORDER BY epoch, seq", order),
                "postings": rows("SELECT * FROM postings WHERE order_id = ? ORDER BY epoch, seq, line", order),
                "strategy": rows(strategy, row["epoch"], row["strategy"]),
                "instrument": rows("SELECT * FROM instruments WHERE id = ?", row["instrument"]),
                "before": rows(before, row["strategy"], row["epoch"], row["seq"]),
                "within_second": rows(rate, row["strategy"], order, row["created_ns"] - 1_000_000_000),
                "refusals": rows(refusals, row["epoch"], row["strategy"], row["created_ns"]),
            }
