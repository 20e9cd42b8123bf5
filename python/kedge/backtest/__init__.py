"""Backtests: from recorded columns and a strategy to a run folder with an honest report.

In: recorded streams, strategies, settings. Out: a run folder, `kedge.load` of it, its metrics and its HTML report.
Units: quote currency for money, base units for quantities, UTC times; statistics are floats, amounts decimals.
Raises: `UsageError` for what a person asked wrongly, `DataError` for data or a run folder that is not as it must be.
"""
