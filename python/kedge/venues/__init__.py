"""Venues: the protocol of each, between bytes on a connection and events and commands.

In: addresses, keys, commands. Out: market data as received, reports, account events; or, of `simulated`, a venue of
our own that others connect to. Units: as the venue writes them on the wire (decimal text, milliseconds); inside,
nanoseconds, ticks and quantity steps. Raises: `UnreachableError` where a venue does not answer or a port is taken,
`UsageError` for a wrong key or address. One package a venue; none imports another.
"""
