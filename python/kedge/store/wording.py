"""Events in words: one line each for a trader, with how bad it is and what it is about."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

Event = tuple[str, str, str, str | None, str | None, int | None]
"""Kind, level (info, warn, bad), text, strategy, instrument, order."""

_REFUSED = {
    "halted": "trading is halted",
    "book_not_in_sync": "the book was not in sync",
    "stale_book": "the book had not moved for too long",
    "bad_quantity": "the quantity was not above zero",
    "off_lot": "the quantity was not whole lots",
    "bad_price": "the price was not above zero",
    "below_min_notional": "it was below the venue's least notional",
    "order_size": "it was larger than one order may be",
    "order_notional": "its notional was larger than one order may have",
    "position": "the position would have been too large",
    "position_notional": "the position's notional would have been too large",
    "price_band": "the price was too far from the book",
    "order_rate": "there were too many orders within a second",
    "no_short": "spot cannot be sold short",
    "insufficient_balance": "the account did not hold enough",
    "daily_loss": "the day's loss is at its limit",
}
_ENDED = {
    "would_take": "it would have taken, and was to make only",
    "not_filled": "nothing more was there to fill it at once",
    "not_whole": "it could not be filled whole",
    "unknown_order": "the venue no longer had it",
    "book_not_in_sync": "the venue's book was not to be trusted",
    "below_filled": "more was filled than it was to have",
    "session_ended": "the trader's session ended before its outcome was known",
}


def refused(reason: str) -> str:
    """Why the risk gate refused, as half a sentence."""
    return _REFUSED.get(reason, reason.replace("_", " "))


def ended(reason: str) -> str:
    """Why the venue ended or refused something, as half a sentence; empty if it did not say."""
    return _ENDED.get(reason, reason.replace("_", " "))


def asked(request: Mapping[str, Any]) -> str:
    """A request: `buy 0.01 at 61837.63, post-only`."""
    price = "at market" if request["price"] is None else f"at {request['price']}"
    tif = {"gtc": "", "post_only": ", post-only", "ioc": ", immediate or cancel", "fok": ", fill or kill"}
    life = "" if request["price"] is None else tif.get(str(request["tif"]), "")
    return f"{request['side']} {request['quantity']} {price}{life}"


class Wording:
    """Words for one session's events; it knows the names behind the indices."""

    def __init__(self, instruments: Sequence[str], names: Sequence[str]) -> None:
        self._instruments = instruments
        self._names = names

    def session(self, epoch: int, header: Mapping[str, Any]) -> Event:
        """A session began."""
        strategies = ", ".join(self._names) or "none"
        text = f"session {epoch} began on {header.get('venue', 'its venue')}: strategies {strategies}"
        return ("session", "info", text, None, None, None)

    def closed(self, epoch: int) -> Event:
        """A session ended cleanly."""
        return ("session", "info", f"session {epoch} was closed cleanly", None, None, None)

    def book(self, entry: Mapping[str, Any]) -> Event:
        """A book's state changed."""
        instrument = self._instruments[entry["instrument"]]
        kind, level, text = {
            "gap": ("gap", "warn", "the feed has a gap or was lost: no order is priced on this book until it is whole"),
            "in_sync": ("resync", "info", "the book is in sync with the venue"),
            "syncing": ("resync", "info", "a snapshot of the book is being read"),
        }[entry["state"]]
        return (kind, level, f"{instrument}: {text}", None, instrument, None)

    def report(self, entry: Mapping[str, Any]) -> Event | None:
        """A venue's answer that a person should know of; most are not."""
        order = entry["order"]
        about = (self._names[order["strategy"]], self._instruments[order["instrument"]], int(order["id"]))
        if entry["what"] == "unknown":
            text = f"{about[0]}: no answer to the order to {asked(order)}: it counts as open until the venue is asked"
            return ("unknown", "bad", text, *about)
        # A post-only order that would have taken is a quoting strategy's daily bread.
        if entry["what"] == "rejected" and order["tif"] != "post_only":
            why = ended(entry["reason"])
            text = f"{about[0]}: the venue rejected the order to {asked(order)}{': ' + why if why else ''}"
            return ("rejected", "warn", text, *about)
        return None

    def earlier_fill(self, entry: Mapping[str, Any]) -> Event:
        """An execution found after a restart."""
        request = entry["order"]
        name, instrument = self._names[request["strategy"]], self._instruments[request["instrument"]]
        text = (
            f"{name}: an order of an earlier session had executed {entry['quantity']} at {entry['price']}; "
            "it is in the books now"
        )
        return ("reconciled", "warn", text, name, instrument, int(entry["id"]))

    def funding(self, entry: Mapping[str, Any]) -> Event:
        """A funding payment."""
        instrument = self._instruments[entry["instrument"]]
        amount = str(entry["amount"])
        did = f"paid {amount[1:]}" if amount.startswith("-") else f"brought {amount}"
        return ("funding", "info", f"{instrument}: funding {did} {entry['currency']}", None, instrument, None)

    def refusal(self, entry: Mapping[str, Any]) -> Event:
        """The risk gate said no."""
        name, instrument = self._names[entry["strategy"]], self._instruments[entry["instrument"]]
        text = f"{name}: risk refused to {asked(entry)}: {refused(entry['reason'])}"
        return ("refusal", "warn", text, name, instrument, None)

    def stopped(self, entry: Mapping[str, Any]) -> Event:
        """A strategy was stopped."""
        name = self._names[entry["strategy"]]
        return ("stopped", "warn", f"{name} was stopped and its orders are cancelled", name, None, None)

    def fault(self, told: Mapping[str, Any]) -> Event:
        """A strategy raised."""
        strategy = told.get("strategy")
        known = isinstance(strategy, int) and 0 <= strategy < len(self._names)
        name = self._names[strategy] if known and isinstance(strategy, int) else str(strategy)
        return ("failed", "bad", f"{name} failed: {told.get('error', 'it raised')}", name, None, None)

    def setting(self, told: Mapping[str, Any]) -> Event:
        """A person did something."""
        what, id = str(told.get("act")), told.get("id")
        if what == "halt":
            return ("halt", "bad", "trading was halted: open orders are cancelled, no new ones pass", None, None, None)
        if what == "resume":
            return ("resume", "info", "trading goes on: orders pass again", None, None, None)
        if what == "end":
            return ("session", "info", "the trader was asked to end", None, None, None)
        if what == "cancel":
            order = int(id) if isinstance(id, int) else None
            return ("cancel", "info", f"a person asked for the end of order {id}", None, None, order)
        name = self._names[id] if isinstance(id, int) and 0 <= id < len(self._names) else str(id)
        text = f"{name} was started again by a person" if what == "start" else f"{name} was stopped by a person"
        return ("started" if what == "start" else "stopped", "info", text, name, None, None)

    def reconciled(self, found: Mapping[str, Any]) -> Event:
        """Books were compared with the venue's."""
        when = {"start": "at the start", "asked": "as asked"}.get(str(found.get("at")), "as every so often")
        if found.get("equal"):
            return ("reconciled", "info", f"compared with the venue {when}: equal", None, None, None)
        differences = found.get("differences") or []
        first = differences[0] if differences else {}
        text = f"compared with the venue {when}: {len(differences)} differences"
        if first:
            text += f"; {first.get('what')}: ours {first.get('ours')}, the venue's {first.get('venue')}"
            text += f", {first.get('action')}"
        return ("reconciled", "bad", text, None, None, None)

    def news(
        self, status: Mapping[str, Any], faults: Mapping[str, str | None], notices: Mapping[str, str]
    ) -> Iterator[Event]:
        """What a status says that the one before did not: strategies that failed, notices."""
        for held in status.get("strategies", ()):
            error = held.get("error")
            if error and error != faults.get(held["name"]):
                text = f"{held['name']} failed and was stopped: {error}"
                yield ("failed", "bad", text, held["name"], held.get("instrument"), None)
        for about, text in status.get("notices", {}).items():
            if text != notices.get(about):
                yield ("notice", "warn", f"{about}: {text}", None, None, None)
