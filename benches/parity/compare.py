"""Runs every case on both sides and compares orders and fills one by one: `make parity-hftbacktest`.

    .venv/bin/python -m benches.parity.compare [--json]

Every difference must follow from a rule of `RULES`. Exit code 1 where one does not, or where something cannot be run.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benches.cases import GROUPS
from benches.environments import BenchError, rival_python, run_quietly
from benches.parity.cases import INSTRUMENTS, LATENCIES, MILLISECOND, QUEUES, STATES, Case, cases

RULES = {
    "lot": "What reaches a resting order counts in whole lots of the instrument, to the nearest. hftbacktest's lot "
    "here is the step of the data. Shown by a run with that lot, which has no difference left.",
    "fee_in_base": "A spot buy pays its fee in the base currency, as the venue charges it; hftbacktest's is in "
    "quote currency. Counted by fill; valued at the fill's price the fees are the same.",
}
# Fees are rounded to what settles, 10⁻⁸ or a step of the base currency; hftbacktest's are floats.
FEE_ROUNDING = Decimal("0.001")


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(prog="make parity-hftbacktest", description=__doc__.partition("\n")[0])
    parser.add_argument("--json", action="store_true", help="a JSON line for each case")
    options = parser.parse_args()
    try:
        lines = list(compared())
    except BenchError as error:
        print(f"parity: {error}", file=sys.stderr)
        return 1
    for line in lines if options.json else ():
        print(json.dumps(line))
    if not options.json:
        print(report(lines))
    return int(any(line["unexplained"] for line in lines))


def compared() -> Iterator[dict[str, Any]]:
    """A line for each case. Raises `BenchError` where a side cannot be run."""
    # Kedge's engine is imported here, so that the message about a missing build comes from the group's preparation.
    GROUPS["raw"].prepare()
    from benches.parity import kedge_side

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        print("parity: running hftbacktest", file=sys.stderr)
        run_quietly([rival_python("hftbacktest"), "-m", "benches.parity.hftbacktest_side", folder])
        print("parity: running Kedge", file=sys.stderr)
        for case in cases():
            theirs = np.load(folder / f"{case.name}.npy")
            fees = Decimal(str(json.loads((folder / f"{case.name}.json").read_text())["fees"]))
            as_data = kedge_side.run(case, lot_as_data=True)
            as_venue = kedge_side.run(case, lot_as_data=False)
            yield line_of(case, as_venue, as_data, theirs, fees)


Run = tuple[NDArray[np.int64], Decimal, int]


def line_of(case: Case, ours: Run, aligned: Run, theirs: NDArray[np.int64], fees: Decimal) -> dict[str, Any]:
    """What is equal, what differs by which rule, and what by none.

    `ours` ran with the venue's lot, `aligned` with the rival's: what is left there is explained by nothing.
    """
    unexplained = [f"order {row}" for row in differing(aligned[0], theirs)]
    filled = int((aligned[0][:, 4] == STATES.index("filled")).sum())
    if abs(aligned[1] - fees) > FEE_ROUNDING * max(1, filled):
        unexplained.append(f"fees {aligned[1]:.8f}, hftbacktest {fees:.8f}")
    different = differing(ours[0], theirs)
    return {
        "instrument": case.instrument,
        "queue": case.queue,
        "entry_ms": case.entry // MILLISECOND,
        "response_ms": case.response // MILLISECOND,
        "orders": len(ours[0]),
        "rival_orders": len(theirs),
        "fills": int((ours[0][:, 4] == STATES.index("filled")).sum()),
        "rival_fills": int((theirs[:, 4] == STATES.index("filled")).sum()),
        "equal": len(ours[0]) - sum(mine for mine, _ in different.values()),
        "rules": {"lot": len(different), "fee_in_base": ours[2]},
        "unexplained": unexplained,
    }


def differing(ours: NDArray[np.int64], theirs: NDArray[np.int64]) -> dict[tuple[int, int], tuple[bool, bool]]:
    """Orders that one side has not, or has otherwise, by when they were asked for and side; who has them.

    Everything counts: time, side, price, quantity, how and when the order ended at the venue, the fill's price.
    """
    mine, other = ({(int(row[0]), int(row[1])): row.tolist() for row in rows} for rows in (ours, theirs))
    if len(mine) != len(ours) or len(other) != len(theirs):
        raise BenchError("a side asked twice at one moment for one side of the book")
    return {
        key: (key in mine, key in other)
        for key in sorted(mine.keys() | other.keys())
        if mine.get(key) != other.get(key)
    }


def report(lines: list[dict[str, Any]]) -> str:
    """The lines for people: a row for each instrument, queue model and latency, then the rules."""
    rows = [("instrument", "queue", "latency", "orders", "fills", "equal", *RULES, "unexplained")]
    for line in lines:
        both = [f"{line[key]:,} / {line[f'rival_{key}']:,}" for key in ("orders", "fills")]
        latency = f"{line['entry_ms']} + {line['response_ms']} ms"
        counts = [f"{line['rules'][rule]:,}" for rule in RULES]
        found = (line["instrument"], line["queue"], latency, *both, f"{line['equal']:,}", *counts)
        rows.append((*found, str(len(line["unexplained"]))))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    text = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    text += [""] + [f"{rule}: {words}" for rule, words in RULES.items()]
    text += [
        f"unexplained, {line['instrument']} {line['queue']}: {what}"
        for line in lines
        for what in line["unexplained"][:5]
    ]
    combinations = len(INSTRUMENTS) * len(QUEUES) * len(LATENCIES)
    left = sum(len(line["unexplained"]) for line in lines)
    text.append(f"{len(lines)} of {combinations} cases; Kedge / hftbacktest; {left} differences that no rule explains.")
    return "\n".join(text)


if __name__ == "__main__":
    sys.exit(main())
