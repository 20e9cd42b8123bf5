"""Kedge: record crypto markets, research strategies honestly and trade them live with one engine.

A strategy file needs `Strategy`, `param` and perhaps `Ticks`; `load` opens what a backtest left behind.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kedge.strategies.strategy import Strategy, Ticks, param

if TYPE_CHECKING:
    from kedge.backtest.loading import load
    from kedge.strategies import compiled

__all__ = ["Strategy", "Ticks", "compiled", "load", "param"]


def __getattr__(name: str) -> Any:
    # Each brings more with it than most strategy files need: data frames, records.
    if name == "compiled":
        from kedge.strategies import compiled

        return compiled
    if name == "load":
        from kedge.backtest.loading import load

        return load
    raise AttributeError(f"module 'kedge' has no attribute {name!r}")
