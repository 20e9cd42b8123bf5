"""Events of accounts, entered where they are asked for again: in the truth, and in each account's fills and income."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from kedge.venues.simulated.accounts import Account, Accounts, Fill
from kedge.venues.simulated.clock import MarketClock
from kedge.venues.simulated.listings import SPOT, Listing, Listings
from kedge.venues.simulated.truth import Truth


class Bookkeeping:
    """Enters each event of the core once, in order."""

    def __init__(self, listings: Listings, accounts: Accounts, truth: Truth, clock: MarketClock) -> None:
        self._listings = listings
        self._accounts = accounts
        self._truth = truth
        self._clock = clock
        self._transfers = 0

    def enter(self, event: dict[str, Any]) -> None:
        """Enters one event."""
        account = self._accounts[event["account"]]
        account.updated = event["ts"]
        at_ms = self._clock.wire_ms(event["ts"])
        match event["kind"]:
            case "execution" | "liquidation":
                self._order(event, self._listings[event["instrument"]])
                if event["exec"] == "TRADE":
                    self._fill(event, account, self._listings[event["instrument"]], at_ms)
            case "balances":
                self._balances(event, at_ms)
            case "position":
                listing = self._listings[event["instrument"]]
                amounts = (listing.quantity(event["qty"]), event["entry"], event["realised"], event["unrealised"])
                self._truth.add("positions", event["account"], listing.symbol, *amounts, at_ms)
            case "funding":
                listing = self._listings[event["instrument"]]
                paid = (event["rate"], listing.price(event["mark"]), event["amount"])
                self._truth.add("funding", event["account"], listing.symbol, *paid, at_ms)
                self._income(account, listing, "FUNDING_FEE", event["amount"], "USDT", event["ts"], "")

    def _order(self, event: dict[str, Any], listing: Listing) -> None:
        self._truth.add(
            "orders",
            event["order_id"],
            event["account"],
            listing.market,
            listing.symbol,
            event["client_id"],
            event["side"],
            event["type"],
            event["tif"],
            int(event["reduce_only"]),
            listing.price(event["price"] or 0),
            listing.quantity(event["qty"]),
            listing.quantity(event["cum_qty"]),
            event["cum_quote"],
            event["status"],
            event["reason"],
            self._clock.wire_ms(event["created"]),
            self._clock.wire_ms(event["updated"]),
        )

    def _fill(self, event: dict[str, Any], account: Account, listing: Listing, at_ms: int) -> None:
        fill = Fill(
            trade_id=event["trade_id"],
            order_id=event["order_id"],
            instrument=event["instrument"],
            side=event["side"],
            price=event["last_price"],
            quantity=event["last_qty"],
            maker=event["maker"],
            fee=event["fee"],
            fee_currency=event["fee_currency"],
            realised=event["realised"],
            ts=event["ts"],
        )
        account.fills.append(fill)
        self._truth.add(
            "fills",
            fill.trade_id,
            fill.order_id,
            account.number,
            listing.market,
            listing.symbol,
            event["client_id"],
            fill.side,
            listing.price(fill.price),
            listing.quantity(fill.quantity),
            int(fill.maker),
            fill.fee,
            fill.fee_currency,
            fill.realised,
            at_ms,
        )
        if listing.market != SPOT:
            trade = str(fill.trade_id)
            if Decimal(fill.realised) != 0:
                self._income(account, listing, "REALIZED_PNL", fill.realised, fill.fee_currency, fill.ts, trade)
            self._income(account, listing, "COMMISSION", f"{-Decimal(fill.fee):f}", fill.fee_currency, fill.ts, trade)

    def _balances(self, event: dict[str, Any], at_ms: int) -> None:
        names = ("free", "locked") if event["wallet"] == "spot" else ("wallet", "available")
        for currency, amounts in event["balances"].items():
            first, second = (amounts[name] for name in names)
            if event["wallet"] == "futures":
                second = "0"  # what is free for orders moves with the market; the wallet is what is owned
            row = (event["account"], event["wallet"], currency, first, second, event["reason"], at_ms)
            self._truth.add("balances", *row)

    def _income(
        self, account: Account, listing: Listing, kind: str, amount: str, asset: str, ts: int, trade: str
    ) -> None:
        self._transfers += 1
        account.income.append(
            {
                "symbol": listing.symbol,
                "incomeType": kind,
                "income": f"{Decimal(amount):.8f}",
                "asset": asset,
                "info": trade or kind,
                "time": self._clock.wire_ms(ts),
                "tranId": self._transfers,
                "tradeId": trade,
            }
        )
