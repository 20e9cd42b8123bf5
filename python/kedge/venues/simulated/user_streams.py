"""Events of accounts in Binance's words: `executionReport` and its kin on spot, `ORDER_TRADE_UPDATE` on USD-M."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from kedge.venues.simulated.accounts import Account, Accounts
from kedge.venues.simulated.clock import MarketClock
from kedge.venues.simulated.decimals import places
from kedge.venues.simulated.listings import SPOT, SPOT_PLACES, USDM, Listing, Listings, Market

NOTHING = "0.00000000"
Message = dict[str, Any]


class UserEvents:
    """Translates events of the core for one account's streams."""

    def __init__(self, listings: Listings, accounts: Accounts, clock: MarketClock) -> None:
        self._listings = listings
        self._accounts = accounts
        self._clock = clock
        self._executions = 0

    def messages(self, events: list[dict[str, Any]]) -> list[tuple[Account, Market, Message]]:
        """What goes to whom, in order. On USD-M balances and positions that change together are one message."""
        told: list[tuple[Account, Market, Message]] = []
        update: tuple[tuple[Any, ...], Message] | None = None
        for event in events:
            account = self._accounts[event["account"]]
            if event["kind"] == "position" or (event["kind"] == "balances" and event["wallet"] == "futures"):
                together = (event["account"], event["ts"])
                if update is None or update[0] != together:
                    update = (together, self._account_update(event))
                    told.append((account, USDM, update[1]))
                self._add_to_update(update[1]["a"], event)
                continue
            if event["kind"] == "balances":
                told.append((account, SPOT, self._position_of_account(event)))
            elif event["kind"] in ("execution", "liquidation"):
                listing = self._listings[event["instrument"]]
                if listing.market == SPOT:
                    told.append((account, SPOT, self._execution_report(event, listing, account)))
                else:
                    if event["exec"] == "TRADE":
                        told.append((account, USDM, self._trade_lite(event, listing)))
                    told.append((account, USDM, self._order_update(event, listing)))
        return told

    def _position_of_account(self, event: dict[str, Any]) -> Message:
        at_ms = self._clock.wire_ms(event["ts"])
        balances = [
            {"a": currency, "f": places(amounts["free"], SPOT_PLACES), "l": places(amounts["locked"], SPOT_PLACES)}
            for currency, amounts in event["balances"].items()
        ]
        return {"e": "outboundAccountPosition", "E": self._clock.now_ms(), "u": at_ms, "B": balances}

    def _execution_report(self, event: dict[str, Any], listing: Listing, account: Account) -> Message:
        at_ms = self._clock.wire_ms(event["ts"])
        self._executions += 1
        traded = event["exec"] == "TRADE"
        canceled = event["exec"] == "CANCELED"
        cancel_id = account.cancels.get((event["instrument"], event["order_id"]), "") if canceled else ""
        last_price, last_quantity = (event["last_price"], event["last_qty"]) if traded else (0, 0)
        return {
            "e": "executionReport",
            "E": self._clock.now_ms(),
            "s": listing.symbol,
            "c": cancel_id or event["client_id"],
            "S": event["side"],
            "o": event["type"],
            "f": event["tif"],
            "q": listing.quantity(event["qty"]),
            "p": listing.price(event["price"] or 0),
            "P": NOTHING,
            "F": NOTHING,
            "g": -1,
            "C": event["client_id"] if canceled else "",
            "x": event["exec"],
            "X": event["status"],
            "r": "NONE",
            "i": event["order_id"],
            "l": listing.quantity(last_quantity),
            "z": listing.quantity(event["cum_qty"]),
            "L": listing.price(last_price),
            "n": places(event["fee"], SPOT_PLACES) if traded else "0",
            "N": event["fee_currency"] if traded else None,
            "T": at_ms,
            "t": event["trade_id"] if traded else -1,
            "I": self._executions,
            "w": event["on_book"],
            "m": event["maker"] if traded else False,
            "M": False,
            "O": self._clock.wire_ms(event["created"]),
            "Z": places(event["cum_quote"], SPOT_PLACES),
            "Y": listing.value_of(last_price * last_quantity),
            "Q": NOTHING,
            "W": self._clock.wire_ms(event["created"]),
            "V": "NONE",
        }

    def _order_update(self, event: dict[str, Any], listing: Listing) -> Message:
        at_ms = self._clock.wire_ms(event["ts"])
        traded = event["exec"] == "TRADE"
        kind = "LIQUIDATION" if event["kind"] == "liquidation" else event["type"]
        order: Message = {
            "s": listing.symbol,
            "c": event["client_id"],
            "S": event["side"],
            "o": kind,
            "f": event["tif"],
            "q": listing.quantity(event["qty"]),
            "p": listing.price(event["price"] or 0),
            "ap": average(event, listing),
            "sp": "0",
            "x": event["exec"],
            "X": event["status"],
            "i": event["order_id"],
            "l": listing.quantity(event["last_qty"] if traded else 0),
            "z": listing.quantity(event["cum_qty"]),
            "L": listing.price(event["last_price"] if traded else 0),
            "n": places(event["fee"], SPOT_PLACES) if traded else "0",
            "N": event["fee_currency"] if traded else listing.instrument.settle,
            "T": at_ms,
            "t": event["trade_id"] if traded else 0,
            "b": "0",
            "a": "0",
            "m": event["maker"] if traded else False,
            "R": event["reduce_only"],
            "wt": "CONTRACT_PRICE",
            "ot": kind,
            "ps": "BOTH",
            "cp": False,
            "rp": places(event["realised"], SPOT_PLACES) if traded else "0",
            "pP": False,
            "si": 0,
            "ss": 0,
            "V": "NONE",
            "pm": "NONE",
            "gtd": 0,
        }
        return {"e": "ORDER_TRADE_UPDATE", "E": self._clock.now_ms(), "T": at_ms, "o": order}

    def _trade_lite(self, event: dict[str, Any], listing: Listing) -> Message:
        return {
            "e": "TRADE_LITE",
            "E": self._clock.now_ms(),
            "T": self._clock.wire_ms(event["ts"]),
            "s": listing.symbol,
            "q": listing.quantity(event["qty"]),
            "p": listing.price(event["price"] or 0),
            "m": event["maker"],
            "c": event["client_id"],
            "S": event["side"],
            "L": listing.price(event["last_price"]),
            "l": listing.quantity(event["last_qty"]),
            "t": event["trade_id"],
            "i": event["order_id"],
        }

    def _account_update(self, event: dict[str, Any]) -> Message:
        at_ms = self._clock.wire_ms(event["ts"])
        change: Message = {"m": event.get("reason", "ORDER"), "B": [], "P": []}
        return {"e": "ACCOUNT_UPDATE", "E": self._clock.now_ms(), "T": at_ms, "a": change}

    def _add_to_update(self, change: Message, event: dict[str, Any]) -> None:
        if event["kind"] == "balances":
            change["m"] = event["reason"]
            for currency, amounts in event["balances"].items():
                wallet = places(amounts["wallet"], SPOT_PLACES)
                change["B"].append({"a": currency, "wb": wallet, "cw": wallet, "bc": "0"})
            return
        listing = self._listings[event["instrument"]]
        change["P"].append(
            {
                "s": listing.symbol,
                "pa": listing.quantity(event["qty"]),
                "ep": event["entry"],
                "bep": event["entry"],
                "cr": event["realised"],
                "up": places(event["unrealised"], SPOT_PLACES),
                "mt": "cross",
                "iw": "0",
                "ps": "BOTH",
                "ma": listing.instrument.settle,
            }
        )


def average(order: dict[str, Any], listing: Listing) -> str:
    """The average price of an order's fills; "0" before the first."""
    if not order["cum_qty"]:
        return "0"
    return f"{Decimal(order['cum_quote']) / (order['cum_qty'] * listing.step):.8f}"
