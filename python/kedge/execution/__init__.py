"""Execution: orders out, reports in, and what is to be believed when the venue does not answer.

In: commands of the engine, answers and reports of a venue. Out: reports for the engine, differences found between our
books and the venue's. Units: decimals as text, times in ns since the epoch, UTC. Raises: nothing for a venue's answer
(every answer has an outcome); `kedge.model.errors.UnsafeStateError` where going on could lose or double something.
"""
