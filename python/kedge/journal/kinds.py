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
    EARLIER_FILL = 15
    """One decision: an execution of an order of an earlier session."""
    FUNDING = 16
    """One decision: a funding payment of the account."""
    FAULT = 17
    """JSON: the strategy that raised while the input before was taken, at which of its wake-ups, and why."""


SESSION_INPUTS = frozenset({Kind.MARKET, Kind.REPORT, Kind.SETTING, Kind.TIMER, Kind.EARLIER_FILL, Kind.FUNDING})
"""What a live session takes in: with these, in their order, it is computed again."""

BOOKED = frozenset({Kind.COMMAND, Kind.REPORT, Kind.POSTING, Kind.EARLIER_FILL})
"""The decisions that `_core.recover_books` adds up, from a checkpoint on."""
