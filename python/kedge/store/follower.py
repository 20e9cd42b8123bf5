"""Follows the trader's journals, session after session, and keeps the tables level with them.

What was read, and how far, go into the file in one transaction: a process that ends anywhere goes on from there.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

from kedge._core import SessionFollower
from kedge.model.errors import KedgeError, UnsafeStateError
from kedge.store import schema
from kedge.store.projection import Projection
from kedge.store.rows import NameOrder

BATCH = 5_000
"""Records in one transaction."""
ALL = (1 << 64) - 1
ASK_EVERY_NS = 300_000_000
"""How often to ask whether a session that tells nothing new still has a writer."""


@dataclass(slots=True)
class Session:
    """The session that is followed: its number, the core's view of it, and its rows."""

    epoch: int
    core: SessionFollower
    rows: Projection
    committed: int
    """The last sequence in the tables."""
    free: bool = False
    """No writer holds it, so that what lies beyond its durable mark counts."""
    over: bool = False
    """Everything of it has been read, and no more will come."""
    asked_ns: int = field(default_factory=time.monotonic_ns)


class Follower:
    """Keeps the tables in `database` level with the sessions in the folder `journal`. One at a time may."""

    def __init__(self, journal: Path, database: Path, named: NameOrder) -> None:
        self._journal = journal
        self._path = database
        self._named = named
        self.session: Session | None = None
        self.broken: KedgeError | None = None
        """Why the newest session cannot be read on."""
        self.made = 0
        """How often the tables were made again because their file could not be used."""
        self._unreadable: set[int] = set()
        self._database = self._opened()
        self._inode = os.stat(self._path).st_ino

    def __enter__(self) -> Follower:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Lets the file go."""
        self._database.close()

    def step(self, until: int | None = None) -> bool:
        """Takes one stretch of the journal in; returns whether there is more.

        `until` stops at a sequence of the session that is followed. Raises `KedgeError` if the file cannot be written.
        """
        try:
            return self._step(until)
        except sqlite3.OperationalError as error:
            self.session = None  # what the core has read and the file has not is read again
            raise KedgeError(
                f"{self._path} cannot be written: {error}", "free disk space, or give the folder to this user"
            ) from None
        except sqlite3.DatabaseError as error:
            self._replace(str(error))
            return True

    def fresh(self) -> list[tuple[str, tuple[Any, ...]]]:
        """What was added since the last call: (what, its key)."""
        if self.session is None:
            return []
        return self.session.rows.take_fresh()

    def catch_up(self, stopped: Callable[[], bool] = bool) -> None:
        """Reads all there is: of a session that is written up to its durable mark, of others to their end.

        `stopped` is asked between stretches whether to leave off.
        """
        while not stopped():
            while self.step() and not stopped():
                self.fresh()
            self.fresh()
            session = self.session
            if session is None or session.over or not session.core.finish():
                return
            session.free = True

    def go_to(self, epoch: int, seq: int) -> None:
        """Reads up to a place, for comparing."""
        while (self.session is None or self.session.epoch < epoch) and self.step():
            pass
        while self.session is not None and self.session.core.position[0] < seq and self.step(seq):
            pass

    def make_again(self, why: str) -> None:
        """Drops the tables and begins anew from the first session."""
        self._replace(why)

    def is_gone(self) -> bool:
        """Whether somebody removed the file, so that what is written into it is lost."""
        try:
            return os.stat(self._path).st_ino != self._inode
        except OSError:
            return True

    def counts(self) -> dict[str, int]:
        """How many rows each table has."""
        count = "SELECT count(*) FROM "
        return {table: int(self._database.execute(count + table).fetchone()[0]) for table in schema.PROJECTED}

    def digest(self) -> dict[str, str]:
        """A hash over the rows of each table."""
        return schema.digest(self._database)

    def _step(self, until: int | None) -> bool:
        session = self.session
        if session is None or session.over:
            following = self._next(session)
            if following is None:
                return False
            self.session = session = following
        try:
            entries, seconds, more = session.core.poll(BATCH, ALL if until is None else until)
        except KedgeError as error:
            self._end(session, "damaged", f"session {session.epoch} cannot be read on: {error.message}")
            self.broken = error
            return True
        seq, wall = session.core.position
        moved = seq > session.committed
        if moved:
            with self._transaction():
                session.rows.take(entries, seconds)
                session.rows.reached(seq, wall)
            session.committed = seq
        return more if more or until is not None else self._maybe_over(session, moved)

    # Sessions -------------------------------------------------------------------------------------------------------

    def sessions(self) -> Sequence[tuple[int, Path]]:
        """All sessions whose beginning is on the disk, oldest first."""
        found = [(int(path.name), path) for path in self._journal.glob("[0-9]*") if path.name.isdigit()]
        # The mark comes last: before it is there, a writer may still be taking the session's lock.
        return sorted((epoch, path) for epoch, path in found if (path / "durable").is_file())

    def _next(self, session: Session | None) -> Session | None:
        """The session to follow: the one the file was at, then the one after it."""
        done = 0
        if session is not None:
            done = session.epoch
        else:
            row = self._database.execute("SELECT epoch, state FROM sessions ORDER BY epoch DESC LIMIT 1").fetchone()
            if row is not None:
                done = row[0] if row[1] == "damaged" else row[0] - 1
        for epoch, path in self.sessions():
            if epoch > done and epoch not in self._unreadable:
                return self._begin(epoch, path)
        return None

    def _begin(self, epoch: int, path: Path) -> Session | None:
        try:
            core = SessionFollower(str(path))
            rows = Projection(self._database, epoch, core.header, self._named)
        except (KedgeError, ValueError, KeyError) as error:
            self._unreadable.add(epoch)
            what = f"{path}: no session of a trader: {error!r}"
            self.broken = error if isinstance(error, KedgeError) else UnsafeStateError(what)
            return None
        row = self._database.execute("SELECT seq FROM sessions WHERE epoch = ?", [epoch]).fetchone()
        committed = int(row[0]) if row else 0
        if row is None:
            with self._transaction():
                rows.open(core.opened)
        else:
            core.skip(committed)
            rows.resume()
        self.broken = None
        return Session(epoch, core, rows, committed)

    def _maybe_over(self, session: Session, moved: bool) -> bool:
        """Whether there is more: of this session behind its durable mark, or of the next one."""
        if session.core.closed:
            session.over = True
        elif session.free:
            text = f"session {session.epoch} ended without being closed: the trader was killed or has crashed"
            self._end(session, "ended", text)
        elif not moved and time.monotonic_ns() - session.asked_ns > ASK_EVERY_NS:
            session.asked_ns = time.monotonic_ns()
            session.free = session.core.finish()
            return session.free
        return session.over and any(epoch > session.epoch for epoch, _ in self.sessions())

    def _end(self, session: Session, state: str, text: str) -> None:
        session.over = True
        seq, wall = session.core.position
        with self._transaction():
            session.rows.reached(seq, wall)
            session.rows.ended(state, text, wall, seq)

    # The file -------------------------------------------------------------------------------------------------------

    def _opened(self) -> sqlite3.Connection:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        try:
            database = schema.connect(self._path)
        except sqlite3.OperationalError as error:
            raise KedgeError(f"{self._path}: {error}", "give its folder to this user, or free disk space") from None
        except sqlite3.DatabaseError as error:
            return self._made_again(str(error))
        try:
            wrong = schema.fault(database)
        except sqlite3.DatabaseError as error:
            wrong = str(error)
        if wrong:
            database.close()
            return self._made_again(wrong)
        if not database.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
            schema.create(database)
        return database

    def _made_again(self, why: str) -> sqlite3.Connection:
        self.made += 1
        schema.remove(self._path)
        database = schema.connect(self._path)
        schema.create(database)
        text = f"{self._path.name} was made again from the journals: {why}"
        database.execute("INSERT INTO incidents VALUES (?, ?)", [time.time_ns(), text])
        return database

    def _replace(self, why: str) -> None:
        with contextlib.suppress(sqlite3.Error):
            self._database.close()
        self.session = None
        self._unreadable.clear()
        self._database = self._made_again(why)
        self._inode = os.stat(self._path).st_ino

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[None]:
        self._database.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            with contextlib.suppress(sqlite3.Error):
                self._database.execute("ROLLBACK")
            raise
        self._database.execute("COMMIT")


def rebuild(journal: Path, database: Path, named: NameOrder) -> dict[str, int]:
    """Drops the tables and makes them again. Returns how many rows each has. Raises what a damaged journal raises."""
    schema.remove(database)
    with Follower(journal, database, named) as follower:
        follower.catch_up()
        if follower.broken is not None:
            raise follower.broken
        return follower.counts()
