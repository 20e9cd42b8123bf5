"""Recorded markets kept on disk: Parquet as the truth, a mapped Arrow file beside it for the engine.

In: `RecordedStream`s that feeds decoded. Out: the same blocks to the bit, mapped without a copy; candles for reports.
Units: nanoseconds since the epoch (UTC), ticks and quantity steps in columns; decimals in Parquet; floats in candles.
Raises: `UsageError` where there is no such catalog, instrument or stretch, `DataError` naming the file that is damaged
or the data that is refused.
"""

from kedge.catalog.manifest import Segment
from kedge.catalog.store import Catalog, Verified

__all__ = ["Catalog", "Segment", "Verified"]
