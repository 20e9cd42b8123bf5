"""What a run takes for granted, in plain sentences, and what a reader should be warned of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

import numpy as np

from kedge.backtest.delays import described
from kedge.backtest.markets import Market
from kedge.backtest.spec import RunSpec
from kedge.model.columns import CLEAR, DELTA, KIND, LEVEL, MarketColumns
from kedge.model.settings import LatencySettings, Settings

_QUEUE = {
    "risk_averse": "An order waits behind everything shown at its price when it arrives; only trades move it forward, "
    "never cancellations ahead of it (risk-averse queue). Pessimistic where many cancel.",
    "power": "An order waits behind everything shown at its price when it arrives; cancellations are shared between "
    "those ahead and those behind by the {name} model, exponent {power}. A guess: venues do not tell.",
    "log": "An order waits behind everything shown at its price when it arrives; cancellations are shared between "
    "those ahead and those behind by the {name} model. A guess: venues do not tell.",
}


_FILLS = {
    "whole": "Resting orders fill whole or not at all, as soon as one lot reaches them.",
    "partial": "Resting orders fill in part, by no more than was traded past the queue ahead of them.",
    "through": "Resting orders fill only by what is traded or offered strictly beyond their price, and by no more of "
    "it: every fill was adverse. Pessimistic.",
}


def assumptions(settings: Settings, spec: RunSpec, market: Market) -> list[str]:
    """What the simulation takes for granted, most flattering first."""
    said = [*_clearing(spec), "Your orders do not move the market: others trade as they did without you."]
    said.append("What you take off the book stays taken until the venue's feed changes that level.")
    said.append(_queue(settings))
    said.append(_FILLS[settings.backtest.fill_model])
    said += _latency(settings)
    said.append(_fees(spec.instruments))
    said.append("Open positions are valued at the middle of the book; selling them would pay the spread and a fee.")
    if market.seeded is not None:
        said.append("The market is made from a seed: it resembles a recorded one, but an edge on it proves nothing.")
    else:
        said.append(
            "Receive times are corrected by the recorder's clock offset, taken from its fastest messages: the shortest "
            "latency counts as none."
        )
    return said


def _has_book(blocks: Sequence[MarketColumns]) -> bool:
    return any(bool(np.isin(block.flags & KIND, (DELTA, CLEAR, LEVEL)).any()) for block in blocks)


def _queue(settings: Settings) -> str:
    name = settings.backtest.queue
    words = _QUEUE[name if name in _QUEUE else name.partition("_")[0]]
    return words.format(name=name.replace("_", " "), power=settings.backtest.queue_power)


def _latency(settings: Settings) -> list[str]:
    said = [_legs("", settings.latency)]
    for name, own in settings.latency.venues.items():
        legs = {key: getattr(own, key) or getattr(settings.latency, key) for key in ("feed", "entry", "response")}
        said.append(_legs(f"At {name}: ", settings.latency.model_copy(update=legs)))
    return said


def _legs(where: str, latency: LatencySettings) -> str:
    heard = "as late as recorded" if latency.feed == "recorded" else f"{described(latency.feed)} after the venue's time"
    return (
        f"{where}Market data reaches you {heard}; an order reaches the venue after {described(latency.entry)}, its "
        f"report you after {described(latency.response)}."
    )


def _fees(instruments: Any) -> str:
    fees = (f"{i['id']} maker {_percent(i['maker_fee'])}, taker {_percent(i['taker_fee'])}" for i in instruments)
    tiered = any(i.get("fee_tiers") for i in instruments)
    volume = "by what each instrument's own trades of 30 days reach" if tiered else "without rebates for volume"
    return f"Fees, {volume}: {'; '.join(fees)}. A spot buy pays its fee in the base currency."


def _percent(rate: str) -> str:
    return f"{(Decimal(rate) * 100).normalize():f} %"


_MISTAKES = {
    "bad_quantity": "a quantity that is not above 0",
    "off_lot": "a quantity that is no multiple of the lot",
    "bad_price": "a price that is not above 0",
    "below_min_notional": "less than the least notional ({least})",
}
"""Refusals that no bound of the settings explains: the strategy asked for what no venue takes."""


def _clearing(spec: RunSpec) -> list[str]:
    """What of funding, margin and interest is simulated, and how."""
    rules = spec.engine.get("clearing") or {"margin": "none", "funding": [], "borrow": []}
    said = []
    if any(definition["kind"] != "spot" for definition in spec.instruments):
        paid = any(rate is not None for rate in rules["funding"])
        said.append(
            "Funding is paid at its times, position × mark price × rate; without mark prices in the data the middle of "
            "the book stands for them."
            if paid
            else "Funding is not paid or received (--funding none)."
        )
    if rules["margin"] != "none":
        what = "the whole account" if rules["margin"] == "cross" else f"its notional over {rules['leverage']}"
        closed = "whole" if rules["liquidation"] == "whole" else "tier by tier"
        said.append(
            f"Behind a position stands {what} ({rules['margin']} margin), looked at each whole second at the mark "
            f"price; below its maintenance margin it is closed {closed} at what the book offers. Neither the insurance "
            "fund nor auto-deleveraging is simulated."
        )
    elif any(definition["kind"] != "spot" for definition in spec.instruments):
        said.append("Margin is only a limit on new orders: nothing is liquidated.")
    if any(rate is not None for rate in rules["borrow"]):
        said.append("What is sold short on spot is borrowed at a fixed hourly rate, and always to be had.")
    return said


def _cleared(results: Mapping[str, Any], spec: RunSpec) -> list[str]:
    """Warnings of what was liquidated, and of what was not looked at."""
    rules = spec.engine.get("clearing") or {"margin": "none", "funding": []}
    perpetuals = [definition for definition in spec.instruments if definition["kind"] != "spot"]
    said = []
    if results["liquidations"]:
        said.append(f"{results['liquidations']:,} times the venue closed positions for want of margin.")
    if perpetuals and not any(rate is not None for rate in rules["funding"]):
        said.append("Funding is left out (--funding none): a perpetual pays or receives it every few hours.")
    if results["unknown_funding_rates"]:
        said.append(
            f"{results['unknown_funding_rates']:,} funding times passed without a rate in the data: nothing was paid."
        )
    untiered = [str(definition["id"]) for definition in perpetuals if not definition.get("margin_tiers")]
    if untiered and rules["margin"] == "none":
        said.append(f"The margin tiers of {', '.join(untiered)} are not known: nothing is liquidated.")
    elif perpetuals and rules["margin"] == "none":
        said.append('Nothing is liquidated (margin = "none").')
    return said


def _stopped(results: Mapping[str, Any]) -> list[str]:
    """The strategies that raised, the first few by name."""
    stopped = list(results["stopped"].items())
    said = [f"Strategy {name} was stopped at {told['at']}: {told['why']}." for name, told in stopped[:5]]
    return said + ([f"So were {len(stopped) - 5:,} others."] if len(stopped) > 5 else [])


def warnings(market: Market, results: Mapping[str, Any], spec: RunSpec) -> list[str]:
    """What at the head of a report a reader must not miss."""
    said = _stopped(results)
    least = ", ".join(f"{Decimal(str(entry['min_notional'])):f} of {entry['id']}" for entry in spec.instruments)
    for reason, meant in _MISTAKES.items():
        if count := results["refusals"].get(reason):
            said.append(f"{count:,} orders were not sent: {meant.format(least=least)} (`{reason}`).")
    backwards = sum(source.get("recv_backwards", 0) for stream in market.streams for source in stream.sources)
    if backwards:
        said.append(
            f"{backwards:,} messages were received before one ahead of them in the recording (its clock was set back); "
            "they are taken to arrive right after it."
        )
    said.extend(_cleared(results, spec))
    for stream in market.streams:
        if not _has_book(stream.blocks):
            said.append(
                f"The data of {stream.instrument['id']} has trades and no book: an order that takes gets the last "
                "trade's price, whatever its size and without a spread. A real one pays both."
            )
    if results["gaps"]:
        said.append(
            f"The recording has {results['gaps']:,} gaps; the book was out of sync, and no order passed, until each of "
            f"{results['resyncs']:,} new snapshots."
        )
    if results["negative_latencies"]:
        said.append(
            f"{results['negative_latencies']:,} messages seem to arrive before they were sent, even with the "
            "recorder's clock corrected; they are taken to arrive at once."
        )
    if results["levels_ignored"]:
        said.append(f"{results['levels_ignored']:,} book levels lay too far from the market to be kept.")
    if results["ledger_imbalance"]:
        said.append(f"The ledger does not balance, by {results['ledger_imbalance']}: this is a fault in Kedge.")
    return said
