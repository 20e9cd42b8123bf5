"""W4: the first million deltas of W1, and the trades between them; and W1's first 50,000 rows, for cold starts. Runs in
Kedge's own environment.

    python -m benches.workloads.w4
"""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import numpy as np

from benches.expected import W1_SHA256, W4_EVENTS
from benches.workloads import columns

DELTAS = 1_000_000
FIRST_ROWS = 50_000


def main() -> None:
    """Cuts W1's columns; W1 itself has been held to its hash."""
    rows, about = columns.read("w1")
    columns.require("w1", about["sha256"], W1_SHA256)
    deltas = np.cumsum(rows.flags & columns.KIND == columns.DELTA)
    end = int(np.searchsorted(deltas, DELTAS)) + 1
    if end != W4_EVENTS:
        raise SystemExit(f"w4: must have {W4_EVENTS} events, has {end}")
    write("w1_first", rows, FIRST_ROWS, about)
    write("w4", rows, end, about)


def write(name: str, rows: columns.Columns, end: int, about: dict[str, Any]) -> None:
    """Writes the first rows of W1 and its snapshot under another name."""
    names = [field.name for field in fields(rows) if field.name in columns.SUFFIXES and "wide" not in field.name]
    cut = {column: getattr(rows, column)[:end] for column in names}
    snapshot, _ = columns.read("w1_snapshot")
    # A run begins with its first row; the rival's clock begins with the first event after the snapshot.
    first = np.full(len(snapshot), rows.ts_event[0])
    columns.write(f"{name}_snapshot", replace(snapshot, ts_event=first, ts_recv=first), about)
    columns.write(name, replace(rows, **cut), about)


if __name__ == "__main__":
    main()
