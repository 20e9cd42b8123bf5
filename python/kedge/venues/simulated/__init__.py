"""An exchange of our own that speaks Binance's spot and USD-M protocol, so that unmodified clients trade on it.

In: requests and subscriptions over HTTP and WebSocket, faults by admin calls. Out: Binance's answers and streams, and
the truth in a SQLite file. Behind it is the matching of `kedge._core.Exchange`; here is no trading logic.
Units: on the wire Binance's (decimal text, milliseconds); inside, the market's nanoseconds, ticks and quantity steps.
Raises: `UnreachableError` where the port is taken, `UsageError` for a wrong option, `DataError` where the truth cannot
be written.
"""
