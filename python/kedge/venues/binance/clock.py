"""The venue's clock seen from here: its offset from ours, and how far that may be wrong.

One sample is a round trip to the venue's time: the true offset lies within half the round trip of the estimate, and
the best sample is the one with the shortest. Between samples the bound grows by what two clocks may drift apart. The
venue's time is carried by the monotonic clock, so a step of our wall clock does not move it.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

OFFSET_MAX_NS = 5_000_000_000
BOUND_MAX_NS = 1_000_000_000
JUMP_NS = 250_000_000
DRIFT_PER_SECOND = 200e-6
"""Two clocks of computers drift apart by less."""
RESOLUTION_NS = 500_000
"""The venue tells whole milliseconds: half of one either way."""


@dataclass(frozen=True, slots=True)
class _Anchor:
    mono_ns: int
    wall_ns: int
    venue_ns: int
    bound_ns: int

    def bound_at(self, mono_ns: int) -> int:
        return self.bound_ns + int(max(0, mono_ns - self.mono_ns) * DRIFT_PER_SECOND)

    def venue_at(self, mono_ns: int) -> int:
        return self.venue_ns + mono_ns - self.mono_ns


class VenueClock:
    """The venue's time. Before the first sample it is ours, and not to be trusted."""

    def __init__(self) -> None:
        self._anchor: _Anchor | None = None
        self.doubted = True
        """Whether a new sample is wanted before the next order."""

    def sample(self, sent_mono_ns: int, got_mono_ns: int, venue_ms: int) -> None:
        """Takes one round trip: our monotonic clock at its ends and the venue's time, in milliseconds."""
        mono, wall = time.monotonic_ns(), time.time_ns()
        middle = (sent_mono_ns + got_mono_ns) // 2
        bound = (got_mono_ns - sent_mono_ns) // 2 + RESOLUTION_NS
        new = _Anchor(middle, wall - (mono - middle), venue_ms * 1_000_000 + RESOLUTION_NS, bound)
        old = self._anchor
        if old is not None and not self.doubted:
            apart = abs(new.venue_ns - old.venue_at(middle))
            old_bound = old.bound_at(middle)
            # Samples that contradict each other mean a clock was set: then only the new one counts.
            if apart <= old_bound + new.bound_ns and old_bound <= new.bound_ns:
                return
        self._anchor, self.doubted = new, False

    def now_venue(self) -> int:
        """The venue's time, ns since the epoch."""
        if self._anchor is None:
            return time.time_ns()
        return self._anchor.venue_at(time.monotonic_ns())

    @property
    def offset_ns(self) -> int:
        """The venue's clock minus our wall clock."""
        return 0 if self._anchor is None else self.now_venue() - time.time_ns()

    @property
    def bound_ns(self) -> int:
        """How far `offset_ns` may be wrong, either way."""
        return BOUND_MAX_NS if self._anchor is None else self._anchor.bound_at(time.monotonic_ns())

    def objection(self) -> str | None:
        """Why no order may be stamped by this clock now, or None."""
        if self._anchor is None:
            return "the venue's clock has not been measured"
        anchor = self._anchor
        mono, wall = time.monotonic_ns(), time.time_ns()
        jump = (wall - mono) - (anchor.wall_ns - anchor.mono_ns)
        if abs(jump) > JUMP_NS:
            self.doubted = True
            return f"our clock jumped by {jump / 1e9:+.3f} s: the venue's is measured again first"
        if self.doubted:
            return "the venue refused our time: its clock is measured again first"
        offset, bound = anchor.venue_at(mono) - wall, anchor.bound_at(mono)
        if abs(offset) > OFFSET_MAX_NS:
            return f"our clock is off: the venue's is {offset / 1e9:+.3f} s from it, at most ±5 s is allowed"
        if bound > BOUND_MAX_NS:
            return f"the venue's clock is known to ±{bound / 1e6:.0f} ms only, at most 1000 ms is allowed"
        return None
