"""Node: the composition root of the trader. Builds a live session from settings, connects it, keeps it honest.

In: settings, a venue's addresses and keys. Out: a running trader, its journal, a control socket. Units: ns, decimals as
text. Raises: `kedge.model.errors.UsageError` for settings, `UnreachableError` for a venue that does not answer at the
start, `UnsafeStateError` where another trader holds the account or the books cannot be trusted.
"""
