"""A part of `_core.pyi`: what exchange.rs adds to the compiled module. Nothing of this name exists at run time."""

from typing import Any, final

from kedge._core import _Columns

@final
class Exchange:
    """The simulated exchange: several accounts trade in seeded markets, beside the markets' own participants.

    Times are ns, prices ticks, quantities steps of the data; money is decimal text of eight places. Instruments and
    accounts are indices. Deterministic, whatever the calls of `advance` time is cut into. `instruments` are definitions
    as JSON, `values` the prices they start at; the first market is that of `SeededMarket` with the same seed.

    An order is a dict of account, instrument, order_id, client_id, side, type, tif, price (0 at market), qty, status,
    cum_qty, cum_quote, reduce_only, liquidation, created, updated, on_book, reason; what is refused is
    `{"error": code, "message": text}` as Binance says it. Raises `UsageError` for a wrong definition, value, deposit or
    index.
    """

    def __new__(cls, seed: int, instruments: list[str], start_ns: int, values: list[float]) -> Exchange: ...
    def open_account(self, spot: dict[str, str], futures: dict[str, str]) -> int:
        """Opens an account with deposits by currency and returns its index."""
    def advance(self, until_ns: int) -> list[tuple[int, _Columns]]:
        """Lets time pass; returns of each instrument the rows since the last call, also those that orders made."""
    def take_events(self) -> list[dict[str, Any]]:
        """What happened to accounts since the last call, in order.

        `kind` is execution, liquidation (the executions of an order that the exchange made), balances, position or
        funding. `trade_id` counts the instrument's trade rows, from 1.
        """
    def submit(
        self,
        now_ns: int,
        account: int,
        instrument: int,
        side: str,
        type: str,
        tif: str,
        price: int | None,
        qty: int,
        client_id: str,
        reduce_only: bool,
    ) -> dict[str, Any]:
        """Takes an order in at `now_ns` (never before the exchange's time) and matches it: `{"order": order}`."""
    def cancel(
        self, now_ns: int, account: int, instrument: int, order_id: int | None, client_id: str | None
    ) -> dict[str, Any]:
        """Cancels the open order of this id, else the newest of this client id: `{"order": order}`."""
    def amend(
        self,
        now_ns: int,
        account: int,
        instrument: int,
        order_id: int | None,
        client_id: str | None,
        price: int,
        qty: int,
    ) -> dict[str, Any]:
        """Gives an open order another price and whole quantity: `{"order": order}`. Less at the same price keeps its
        place in the queue; on spot nothing else is possible.
        """
    def order(
        self, account: int, instrument: int, order_id: int | None, client_id: str | None
    ) -> dict[str, Any] | None:
        """The order of this id, else the newest of this client id, open or not."""
    def orders(self, account: int, instrument: int | None, open_only: bool) -> list[dict[str, Any]]:
        """Orders of an account, oldest first; of the closed ones at least the newest 200,000 of the exchange."""
    def account(self, account: int) -> dict[str, Any]:
        """`spot` balances and the `futures` wallet with its positions, flat ones too."""
    def set_leverage(self, account: int, instrument: int, leverage: int) -> dict[str, Any]:
        """Chooses the leverage of a perpetual, 1 to 125: `{"leverage": leverage}`."""
    def depth(self, instrument: int, levels: int) -> dict[str, Any]:
        """The book as told by the delta rows so far; `last_update_id` is how many those were since the start."""
    def mark(self, instrument: int) -> dict[str, Any]:
        """mark, index (the middle of the book for spot), rate, next_funding and open_interest."""
