"""The journal: everything that came in and everything decided, in one sequence, durable and replayable.

In: records (stream, kind, times, payload bytes). Out: the same records, in order, from a session's folder. Units:
times in ns since the epoch, UTC; payloads are bytes, market blocks in ticks and quantity steps. Raises:
`kedge.model.errors.UnsafeStateError` for damage and for a second writer, `UsageError` for a folder without a session or
of another version, `KedgeError` if the disk fails. The bytes are described in docs/journal.md.
"""

from kedge.journal.kinds import BOOKED, SESSION_INPUTS, Kind, Stream

__all__ = ["BOOKED", "SESSION_INPUTS", "Kind", "Stream"]
