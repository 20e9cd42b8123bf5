"""What is listed: each instrument's symbol, its steps as decimal text, and its entry in `exchangeInfo`."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Literal

from kedge.model.instruments import SIMULATED, Instrument
from kedge.venues.simulated import errors
from kedge.venues.simulated.decimals import fixed, places_of, steps

Market = Literal["spot", "usdm"]
SPOT: Market = "spot"
USDM: Market = "usdm"

# Prices and amounts of spot are told with eight places whatever the steps are.
SPOT_PLACES = 8
HIGHEST_PRICE = Decimal(1_000_000)
LARGEST_QUANTITY = Decimal(9_000)
LARGEST_NOTIONAL = "9000000.00000000"
LISTED_SINCE_MS = 1_569_398_400_000
FAR_FUTURE_MS = 4_133_404_800_000


class Listing:
    """One instrument as clients know it. `index` is the core's, `value` the price its market starts at."""

    def __init__(self, index: int, instrument: Instrument, value: float) -> None:
        self.index = index
        self.instrument = instrument
        self.value = value
        self.symbol = instrument.symbol
        self.market: Market = SPOT if instrument.kind == "spot" else USDM
        self.tick = instrument.tick_size
        self.step = instrument.quantity_step_in_data
        self._tick_places, self._step_places = places_of(self.tick), places_of(self.step)
        self._price_places = SPOT_PLACES if self.market == SPOT else self._tick_places
        self._quantity_places = SPOT_PLACES if self.market == SPOT else self._step_places
        self._tick_units = int(self.tick * 10**self._price_places)
        self._step_units = int(self.step * 10**self._quantity_places)
        self._value_units = self.tick * self.step

    def price(self, ticks: int) -> str:
        """A price as the venue writes it."""
        return fixed(ticks * self._tick_units, self._price_places)

    def quantity(self, count: int) -> str:
        """A quantity as the venue writes it."""
        return fixed(count * self._step_units, self._quantity_places)

    def value_of(self, ticks_times_steps: int) -> str:
        """Quote currency of a sum of price × quantity, in ticks × steps."""
        return f"{self._value_units * ticks_times_steps:.{SPOT_PLACES}f}"

    def ticks(self, text: str, name: str = "price") -> int:
        """A price a client sent, in ticks. Raises `VenueError` where it is none or off the tick."""
        found = steps(text, self.tick)
        if found is None:
            self._refuse_number(text, name)
            if self.market == SPOT:
                raise errors.VenueError(-1013, "Filter failure: PRICE_FILTER")
            raise errors.VenueError(-4014, "Price not increased by tick size.")
        return found

    def count(self, text: str, name: str = "quantity") -> int:
        """A quantity a client sent, in steps of the data. Raises `VenueError` where it is none or too fine."""
        found = steps(text, self.step)
        if found is None:
            self._refuse_number(text, name)
            raise errors.precision(name)
        if found >= 2**62:  # more than the core can hold, and than anybody has
            raise errors.VenueError(-1013, "Filter failure: LOT_SIZE")
        return found

    def _refuse_number(self, text: str, name: str) -> None:
        if steps(text, Decimal("1e-12")) is None:
            raise errors.illegal(name, "^([0-9]{1,20})(\\.[0-9]{1,20})?$")

    def filters(self) -> list[dict[str, Any]]:
        """The rules orders are held to, as `exchangeInfo` tells them."""
        price = {
            "filterType": "PRICE_FILTER",
            "minPrice": self.price(1),
            "maxPrice": self.price(int(HIGHEST_PRICE / self.tick)),
            "tickSize": self.price(1),
        }
        lots = int(self.instrument.lot_size / self.step)
        size = {
            "minQty": self.quantity(lots),
            "maxQty": self.quantity(int(LARGEST_QUANTITY / self.step)),
            "stepSize": self.quantity(lots),
        }
        both: list[dict[str, Any]] = [
            price,
            {"filterType": "LOT_SIZE", **size},
            {"filterType": "MARKET_LOT_SIZE", **size},
        ]
        if self.market == USDM:
            least = {"filterType": "MIN_NOTIONAL", "notional": f"{self.instrument.min_notional:f}"}
            far = {"filterType": "PERCENT_PRICE", "multiplierUp": "5.0000", "multiplierDown": "0.2000"}
            return [*both, {"filterType": "MAX_NUM_ORDERS", "limit": 200}, least, {**far, "multiplierDecimal": "4"}]
        notional: dict[str, Any] = {
            "filterType": "NOTIONAL",
            "minNotional": f"{self.instrument.min_notional:.8f}",
            "applyMinToMarket": True,
            "maxNotional": LARGEST_NOTIONAL,
            "applyMaxToMarket": False,
            "avgPriceMins": 5,
        }
        times = {"bidMultiplierUp": "5", "bidMultiplierDown": "0.2", "askMultiplierUp": "5", "askMultiplierDown": "0.2"}
        distant: dict[str, Any] = {"filterType": "PERCENT_PRICE_BY_SIDE", **times, "avgPriceMins": 5}
        return [*both, distant, notional, {"filterType": "MAX_NUM_ORDERS", "maxNumOrders": 200}]

    def entry(self) -> dict[str, Any]:
        """The symbol's object in `exchangeInfo`."""
        return self._spot_entry() if self.market == SPOT else self._futures_entry()

    def _spot_entry(self) -> dict[str, Any]:
        return {
            "symbol": self.symbol,
            "status": "TRADING",
            "baseAsset": self.instrument.base,
            "baseAssetPrecision": SPOT_PLACES,
            "quoteAsset": self.instrument.quote,
            "quotePrecision": SPOT_PLACES,
            "quoteAssetPrecision": SPOT_PLACES,
            "baseCommissionPrecision": SPOT_PLACES,
            "quoteCommissionPrecision": SPOT_PLACES,
            "orderTypes": ["LIMIT", "LIMIT_MAKER", "MARKET"],
            "icebergAllowed": False,
            "ocoAllowed": False,
            "otoAllowed": False,
            "quoteOrderQtyMarketAllowed": True,
            "allowTrailingStop": False,
            "cancelReplaceAllowed": True,
            "amendAllowed": False,
            "isSpotTradingAllowed": True,
            "isMarginTradingAllowed": False,
            "filters": self.filters(),
            "permissions": [],
            "permissionSets": [["SPOT"]],
            "defaultSelfTradePreventionMode": "NONE",
            "allowedSelfTradePreventionModes": ["NONE"],
        }

    def _futures_entry(self) -> dict[str, Any]:
        return {
            "symbol": self.symbol,
            "pair": self.symbol,
            "contractType": "PERPETUAL",
            "deliveryDate": FAR_FUTURE_MS,
            "onboardDate": LISTED_SINCE_MS,
            "status": "TRADING",
            "maintMarginPercent": "2.5000",
            "requiredMarginPercent": "5.0000",
            "baseAsset": self.instrument.base,
            "quoteAsset": self.instrument.quote,
            "marginAsset": self.instrument.settle,
            "pricePrecision": self._tick_places,
            "quantityPrecision": places_of(self.instrument.lot_size),
            "baseAssetPrecision": SPOT_PLACES,
            "quotePrecision": SPOT_PLACES,
            "underlyingType": "COIN",
            "underlyingSubType": [],
            "triggerProtect": "0.0500",
            "liquidationFee": "0.012500",
            "marketTakeBound": "0.05",
            "maxMoveOrderLimit": 10_000,
            "filters": self.filters(),
            "orderTypes": ["LIMIT", "MARKET"],
            "timeInForce": ["GTC", "IOC", "FOK", "GTX"],
        }


class Listings:
    """All instruments of one exchange, found by market and symbol, or by the core's index."""

    def __init__(self, instruments: list[tuple[Instrument, float]]) -> None:
        self.all = [Listing(index, instrument, value) for index, (instrument, value) in enumerate(instruments)]
        self._by_symbol = {(listing.market, listing.symbol): listing for listing in self.all}

    def __getitem__(self, index: int) -> Listing:
        return self.all[index]

    def of(self, market: Market) -> list[Listing]:
        """The instruments of one market."""
        return [listing for listing in self.all if listing.market == market]

    def find(self, market: Market, symbol: str) -> Listing:
        """The instrument of a symbol. Raises `VenueError` (-1121)."""
        found = self._by_symbol.get((market, symbol))
        if found is None:
            raise errors.unknown_symbol()
        return found

    def get(self, market: Market, symbol: str) -> Listing | None:
        """The instrument of a symbol, or None."""
        return self._by_symbol.get((market, symbol))


def simulated() -> Listings:
    """Spot BTC/USDT and the perpetual ETH/USDT of the simulated exchange."""
    values = {"BTC/USDT@simulated": 60_000.0, "ETH/USDT:USDT@simulated": 3_000.0}
    return Listings([(SIMULATED.find(instrument), value) for instrument, value in values.items()])
