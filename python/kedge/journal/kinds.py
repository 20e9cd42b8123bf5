"""What records are, by their codes in the files."""

from __future__ import annotations

from enum import IntEnum


class Stream(IntEnum):
    """Inputs may be aged out by rule; decisions are kept."""

    INPUTS = 0
    DECISIONS = 1


class Kind(IntEnum):
    """What a record's payload is."""

    HEADER = 1
    """JSON: the first record of a session."""
    CHECKPOINT = 2
    """JSON: orders, balances, what strategies saved."""
    MARKET = 3
    """A block of market columns: see `kedge.journal.market_block`."""
    REPORT = 4
    COMMAND = 5
    POSTING = 6
    REFUSAL = 7
    STOPPED = 8
    """These five: one decision each, as the engine records it."""
    SETTING = 9
    CLOSED = 10
    """JSON: the clean end, with the trace hash."""
    DECISION = 11
    TIMER = 12
    """i64: the time up to which timers were fired."""
    STATUS = 13
    """JSON: what the trader shows of itself, about once a second."""
    RECONCILED = 14
    """JSON: what was compared with the venue, the differences and what was done."""
