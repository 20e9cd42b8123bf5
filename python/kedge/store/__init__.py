"""Store: the journals of a trader as tables in SQLite. A projection: it can be dropped and made again.

In: the journals of all sessions, read up to their durable mark. Out: orders, fills, balances, equity, candles, events
as rows, and the newest books. Units: prices, quantities and money as decimal text; times in ns since the epoch, UTC.
Raises: `kedge.model.errors.UnsafeStateError` for a damaged journal; a damaged table file is made again, and says so.
"""
