"""Frozen values every room shares: instruments, columns, settings, errors.

In: text and files a person wrote. Out: checked values. Units: nanoseconds, ticks, quantity steps, decimal text.
Raises: `kedge.model.errors.UsageError` for whatever a person can put right.
"""
