"""`python -m tests.chaos --kills 200`: the whole of it, with progress; one JSON object last."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path

from tests.chaos.harness import Tally, chaos
from tests.chaos.trader import PLANTS


def main() -> int:
    """Exit code 0 if nothing was lost, doubled or left unresolved."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--kills", type=int, default=200, help="how often the trader is killed")
    asked.add_argument("--seed", type=int, default=1, help="of kills, faults and the market")
    asked.add_argument("--plant", choices=PLANTS, default="", help="a rule to break: the counts must show it")
    asked.add_argument("--keep", type=Path, help="folder to work in and keep")
    given = asked.parse_args()

    def say(tally: Tally) -> None:
        print(f"\r{tally.kills} of {given.kills} kills, {tally.between} between", end="", file=sys.stderr, flush=True)

    with tempfile.TemporaryDirectory() as folder:
        found = chaos(given.keep or Path(folder), given.kills, given.seed, given.plant, say)
    print(file=sys.stderr)
    print(json.dumps(found))
    return 0 if found["equal"] and not found["unresolved"] else 1


if __name__ == "__main__":
    sys.exit(main())
