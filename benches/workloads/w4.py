"""W4: the first million deltas of W1, and the trades between them. Runs in Kedge's own environment.

python -m benches.workloads.w4
"""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np

from benches.expected import W1_SHA256, W4_EVENTS
from benches.workloads import columns

DELTAS = 1_000_000


def main() -> None:
    """Cuts W1's columns; W1 itself has been held to its hash."""
    rows, about = columns.read("w1")
    columns.require("w1", about["sha256"], W1_SHA256)
    deltas = np.cumsum(rows.flags & columns.KIND == columns.DELTA)
    end = int(np.searchsorted(deltas, DELTAS)) + 1
    if end != W4_EVENTS:
        raise SystemExit(f"w4: must have {W4_EVENTS} events, has {end}")
    names = [field.name for field in fields(rows) if field.name in columns.SUFFIXES and "wide" not in field.name]
    columns.write("w4", replace(rows, **{name: getattr(rows, name)[:end] for name in names}), about)
    snapshot, _ = columns.read("w1_snapshot")
    # A run begins with its first row; the rival's clock begins with the first event after the snapshot.
    first = np.full(len(snapshot), rows.ts_event[0])
    columns.write("w4_snapshot", replace(snapshot, ts_event=first, ts_recv=first), about)


if __name__ == "__main__":
    main()
