"""The command `kedge`: what a person types, and what they read back.

In: arguments, `kedge.toml`, the environment. Out: one line of result and a table, or with `--json` one object; progress
and errors on standard error. Units: shown in the head of each column; durations are text such as `10m`.
Raises: nothing; `main` ends the process with 0 done, 1 failed, 2 bad usage or settings, 3 refused by risk or
permission, 4 a venue or dependency did not answer, 5 unsafe state, 130 interrupted.
"""

from kedge.cli.app import main

__all__ = ["main"]
