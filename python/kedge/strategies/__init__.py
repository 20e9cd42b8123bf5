"""Strategies: what a person writes, read from a file and made ready for the engine.

In: a Python file with a `Strategy`, parameter values. Out: a strategy instance whose callbacks the engine calls.
Units: prices in quote currency, sizes in base units, times in nanoseconds. Raises: `kedge.model.errors.StrategyError`
for what the file does, `UsageError` for a wrong name, parameter or bound.
"""
