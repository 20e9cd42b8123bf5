"""Backtests: strategies over recorded or seeded markets, and everything said about them afterwards.

In: a request (strategy, data, settings). Out: a run folder with tables, a report and, when asked, a journal that
replays. Units: nanoseconds, decimals in quote currency and base units. Raises: `kedge.model.errors.StrategyError` for
what a strategy does, `DataError` for what the data holds, `UsageError` for what was asked, `UnsafeStateError` for a
damaged journal.
"""
