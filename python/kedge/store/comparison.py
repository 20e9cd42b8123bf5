"""The tables against the journals: made a second time, up to the same record, and compared."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from kedge.model.errors import UnsafeStateError, UsageError
from kedge.store import schema
from kedge.store.follower import Follower
from kedge.store.rows import NameOrder

HINT = "kedge store rebuild makes it again from the journals"


def compare(journal: Path, database: Path, again: Path, named: NameOrder) -> dict[str, Any]:
    """Where the tables stand (`epoch`, `seq`), their names, and which `differ`. `again` is where the second go.

    Raises `UsageError` if there are none, `UnsafeStateError` if they are damaged.
    """
    if not database.is_file():
        raise UsageError(f"{database} is not there", "`kedge server` makes it, and so does `kedge store rebuild`")
    try:
        with closing(schema.connect_to_read(database)) as found:
            found.execute("BEGIN")
            if wrong := schema.fault(found):
                raise UnsafeStateError(f"{database}: {wrong}", HINT)
            last = found.execute("SELECT epoch, seq, state FROM sessions ORDER BY epoch DESC LIMIT 1").fetchone()
            mine = schema.digest(found)
    except sqlite3.DatabaseError as error:
        raise UnsafeStateError(f"{database}: {error}", HINT) from None
    epoch, seq, state = tuple(last) if last is not None else (0, 0, "")
    with Follower(journal, again, named) as follower:
        follower.go_to(epoch, seq)
        if state == "ended":
            follower.catch_up()
        theirs = follower.digest()
    differ = [table for table, rows in mine.items() if rows != theirs[table]]
    return {"epoch": epoch, "seq": seq, "tables": list(mine), "differ": differ}
