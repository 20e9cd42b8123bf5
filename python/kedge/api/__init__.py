"""API: the server. The projection of the journal as JSON, a stream of what changes, and commands for the trader.

In: a trader's data folder, requests of a person who logged in. Out: answers as `kedge.api.answers` shapes them, and the
page. Units: money, prices and quantities as decimal text, times as ISO 8601 in UTC and as ns. Raises: `UsageError` for
settings, `UnreachableError` (exit code 4) where the port is taken.
"""
