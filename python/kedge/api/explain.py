"""The life of one order in sentences: what the strategy saw, what risk said, what the venue answered, what it cost."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any

from kedge.api import rows
from kedge.api.risk_checks import checks
from kedge.api.times import iso
from kedge.store.wording import asked, ended, refused

Answer = dict[str, Any]
Life = Mapping[str, Sequence[Any]]

_CAUSES = {
    "market": "by market data",
    "report": "by the venue's report on another of its orders",
    "timer": "by its timer",
    "setting": "when a person changed something",
}
_ENDS = {
    "filled": "The order is filled whole",
    "canceled": "The order is cancelled",
    "rejected": "The venue never took the order",
    "expired": "The order ended by its time in force",
}


def explanation(life: Life) -> Answer:
    """The answer for one order, from all rows about it."""
    order = life["order"][0]
    context = json.loads(order["context"] or "{}")
    woken = int(context.get("at") or order["created_ns"])
    steps = [*_before(life, context, woken), *_command(life), *_answers(life), *_end(order)]
    for step in steps:
        step["us"] = round((int(step["at_ns"]) - woken) / 1_000, 1)
    return {"order": rows.order(order), "steps": steps}


def _step(at: int, what: str, text: str, details: Mapping[str, Any]) -> Answer:
    return {"at": iso(at), "at_ns": str(at), "us": None, "what": what, "text": text, "details": dict(details)}


def _before(life: Life, context: Mapping[str, Any], woken: int) -> Iterator[Answer]:
    order = life["order"][0]
    book = context.get("book")
    if book is not None:
        yield _market(order, book, woken)
    cause, seq, ts = context.get("cause") or ("timer", 0, woken)
    # A timer that was due before a message came fires before the message is looked at.
    cause = "timer" if woken < ts else cause
    params = json.loads(life["strategy"][0]["params"]) if life["strategy"] else {}
    shown = ", ".join(f"{name} {value}" for name, value in params.items())
    text = f"{order['strategy']} was woken {_CAUSES.get(cause, 'by ' + str(cause))}"
    text += f"; its parameters: {shown}." if shown else "."
    yield _step(woken, "wake", text, {"cause": cause, "record": seq, "parameters": params})
    found = checks(life, book)
    if found:
        close = max(found, key=lambda check: check["share"] or 0)
        text = f"Risk let it pass. Nearest to its limit: {close['limit'].replace('_', ' ')}, "
        text += f"{close['used']} of at most {close['bound']}."
    else:
        text = "Risk let it pass; no limit is set for this strategy that the order could come near."
    yield _step(woken, "risk", text, {"checks": found})
    for refusal in life["refusals"]:
        text = f"In the same moment risk refused to {asked(_request(refusal))}: {refused(refusal['reason'])}."
        yield _step(woken, "refusal", text, {**_request(refusal), "reason": refusal["reason"]})


def _market(order: Any, book: Mapping[str, Any], woken: int) -> Answer:
    updated = int(book.get("updated") or woken)
    age = max(0, woken - updated) / 1e6
    sides = f"{book.get('bid') or 'no'} bid for {book.get('bid_quantity') or 0}, "
    sides += f"{book.get('ask') or 'no'} asked for {book.get('ask_quantity') or 0}"
    sync = "in sync with the venue" if book.get("state") == "in_sync" else "not in sync with the venue"
    text = f"The book of {order['instrument']}, {sync}: {sides}. It had last changed {age:.1f} ms before."
    return _step(updated, "market", text, {**book, "updated": str(updated), "age_ms": round(age, 3)})


def _request(row: Any) -> Answer:
    return {name: row[name] for name in ("side", "kind", "tif", "price", "quantity")}


def _command(life: Life) -> Iterator[Answer]:
    order = life["order"][0]
    created, seq = order["created_ns"], order["seq"]
    was = {**_request(order), **_as_decided(life)}
    text = f"It decided to {asked(was)}. The order is record {seq} of session {order['epoch']}; "
    text += "it may not leave before that record is durable."
    details = {**was, "after_seq": seq, "epoch": order["epoch"], "client_id": order["client_id"]}
    yield _step(created, "command", text, details)
    durable = order["durable_ns"]
    answered = [step["at_ns"] for step in life["steps"] if step["kind"] == "report"]
    if durable is None:
        at = min([*answered[:1], order["updated_ns"]])
        text = f"Record {seq} was on the disk before the order left; no later record says since when."
        yield _step(at, "durable", text, {"after_seq": seq, "by_ns": None})
        return
    at = max(created, min([durable, *answered[:1]]))
    text = f"Record {seq} was on the disk {(at - created) / 1e6:.2f} ms later at the latest, and the order could leave."
    yield _step(at, "durable", text, {"after_seq": seq, "by_ns": str(durable)})


def _as_decided(life: Life) -> Answer:
    """Price and quantity before the first amendment: an order's row has what it is now."""
    for step in life["steps"]:
        details = json.loads(step["details"])
        if step["kind"] == "amend" and "was" in details:
            return dict(details["was"])
    return {}


def _answers(life: Life) -> Iterator[Answer]:
    order = life["order"][0]
    fills = {(fill["epoch"], fill["seq"]): fill for fill in life["fills"]}
    filled = Decimal(0)
    for step in life["steps"]:
        details, at = json.loads(step["details"]), step["at_ns"]
        what = details.get("what")
        if step["kind"] == "cancel":
            yield _step(at, "cancel_asked", "The venue was asked to cancel it.", {"after_seq": step["seq"]})
        elif step["kind"] == "amend":
            text = f"The venue was asked to change it to {details.get('quantity')} at {details.get('price')}."
            yield _step(at, "amend_asked", text, {**details, "after_seq": step["seq"]})
        elif what == "filled":
            filled += Decimal(details["quantity"])
            fill = fills.get((step["epoch"], step["seq"]))
            yield _fill(order, step, details, filled, fill)
            yield from _postings(life, step, at)
        else:
            yield _report(order, step, details, at)


def _report(order: Any, step: Any, details: Mapping[str, Any], at: int) -> Answer:
    what, why = str(details["what"]), ended(str(details.get("reason") or ""))
    if what == "rejected" and not why and order["tif"] == "post_only":
        why = "it was to make only, and by then would most likely have taken"
    because = f": {why}" if why else ""
    ahead = details.get("queue_ahead")
    queue = "" if ahead is None else f" About {ahead} stood before it on its level, as our book tells."
    kind, text = {
        "accepted": ("accepted", f"The venue took it: it rests in the book.{queue}"),
        "rejected": ("end", f"The venue rejected it{because}."),
        "canceled": ("end", "The venue cancelled it."),
        "expired": ("end", f"The venue let it expire{because}."),
        "amended": ("amended", f"The venue changed it to {details.get('quantity')} at {details.get('price')}.{queue}"),
        "amend_refused": ("amend_refused", f"The venue refused the change{because}."),
        "cancel_refused": ("cancel_refused", f"The venue refused to cancel it{because}."),
        "unknown": ("unknown", "No answer came in time: it counts as open until the venue has been asked."),
    }[what]
    told = {name: value for name, value in details.items() if name != "venue" and value not in ("", None)}
    if details.get("venue") is not None:
        told["venue_ns"] = str(details["venue"])
    return _step(at, kind, text, {**told, "record": step["seq"]})


def _fill(order: Any, step: Any, details: Mapping[str, Any], filled: Decimal, fill: Any) -> Answer:
    verb = "bought" if order["side"] == "buy" else "sold"
    how = "as maker" if details["liquidity"] == "maker" else "as taker"
    text = f"It {verb} {details['quantity']} at {details['price']} {how} and paid {details['fee']} "
    text += f"{details['fee_currency']} in fees; {filled.normalize():f} of {order['quantity']} is filled."
    if fill is not None and Decimal(fill["realised"]) != 0:
        text += f" What it closed made {fill['realised']}."
    told = {name: details.get(name) for name in ("price", "quantity", "liquidity", "fee", "fee_currency", "trade")}
    realised = fill["realised"] if fill is not None else None
    return _step(step["at_ns"], "fill", text, {**told, "realised": realised, "record": step["seq"]})


def _postings(life: Life, step: Any, at: int) -> Iterator[Answer]:
    """The ledger's entries of a fill: those between its record and the next of the order."""
    later = [s["seq"] for s in life["steps"] if s["epoch"] == step["epoch"] and s["seq"] > step["seq"]]
    until = min(later, default=1 << 62)
    lines = [
        {"owner": line["owner"] or "account", **{name: line[name] for name in ("account", "currency", "amount")}}
        for line in life["postings"]
        if line["epoch"] == step["epoch"] and step["seq"] < line["seq"] < until
    ]
    if lines:
        cash = "; ".join(f"{line['amount']} {line['currency']}" for line in lines if line["account"] == "cash")
        text = f"Booked in {len(lines)} entries that sum to zero" + (f"; cash: {cash}." if cash else ".")
        yield _step(at, "posting", text, {"lines": lines})


def _end(order: Any) -> Iterator[Answer]:
    if order["open"]:
        return
    if order["reason"] == "session_ended":
        text = "The trader's session ended before the order's end was known; the next one settled it with the venue"
        text += "." if order["state"] == "unknown" else f": {order['state'].replace('_', ' ')}."
    elif order["state"] in _ENDS:
        why = ended(order["reason"])
        lived = (order["updated_ns"] - order["created_ns"]) / 1e6
        text = f"{_ENDS[order['state']]}{': ' + why if why else ''}, {lived:,.1f} ms after it was decided; "
        text += f"{order['filled']} of {order['quantity']} was filled."
    else:
        return
    yield _step(order["updated_ns"], "end", text, {"state": order["state"], "filled": order["filled"]})
