"""Recorded raw files → market columns. Live subscriptions will stand here too.

In: files of venue messages as received (gzip, zstd or plain text) and instrument definitions. Out: `RecordedStream`s,
or segments of a catalog. Units: nanoseconds since the epoch (UTC), ticks, quantity steps; offsets in milliseconds.
Raises: `DataError` naming file, line, value and rule; `UsageError` for a missing file or an unknown instrument.
"""

from kedge.feeds.importing import ImportedFile, ImportSummary, import_recordings
from kedge.feeds.recorded import read

__all__ = ["ImportSummary", "ImportedFile", "import_recordings", "read"]
