"""Money as the engine counts it: whole units of 10⁻¹⁶ of a currency, and what a venue settles, 10⁻⁸."""

from __future__ import annotations

from decimal import Decimal

UNIT = Decimal(1).scaleb(-16)
SETTLED = Decimal(1).scaleb(-8)
LEDGER_ACCOUNTS = 6
"""Cells of one currency in a row of a checkpoint's balances; the first of them is cash."""


def amount(units: int | str) -> Decimal:
    """Units of the engine as an amount of their currency, exactly."""
    return Decimal(int(units)) * UNIT
