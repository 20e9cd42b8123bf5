"""Instruments as a definitions file gives them: read, checked and found by id or by venue symbol.

A definitions file is a JSON list of objects with decimals as text:
`{"id": "BTC/USDT@binance", "symbol": "BTCUSDT", "kind": "spot", "tick_size": "0.01", "lot_size": "0.00001",
"quantity_step_in_data": "0.00000001", "min_notional": "5", "maker_fee": "0.001", "taker_fee": "0.001"}`.
The core reads the same JSON and holds the same rules (`crates/core/src/instrument.rs`).
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal, localcontext
from pathlib import Path

from kedge.model.errors import DataError, UsageError

KINDS = ("spot", "linear_perpetual", "inverse_perpetual")
STEP_PLACES_MAX = 12
VALUE_PLACES_MAX = 16

_ID = re.compile(r"([^\W_]+)/([^\W_]+)(?::([^\W_]+))?@([a-z0-9_]+)")
_DECIMAL = re.compile(r"-?[0-9]+(?:\.[0-9]+)?")
_INT64_MAX = 2**63 - 1

_TEXTS = ("id", "symbol", "kind")
_STEPS = ("tick_size", "lot_size", "quantity_step_in_data")
_AMOUNTS = ("min_notional", "maker_fee", "taker_fee")
_REQUIRED = (*_TEXTS, *_STEPS, *_AMOUNTS)
_CLEARING = ("margin_tiers", "fee_tiers", "liquidation_fee", "traded_before")
_FILTERS = ("min_quantity", "max_quantity", "price_multiplier_up", "price_multiplier_down")
_KEYS = (
    *_REQUIRED,
    *("contract_multiplier", "settle", "funding_interval_hours"),
    *_CLEARING,
    *_FILTERS,
    "iceberg_parts",
)


@dataclass(frozen=True, slots=True)
class Instrument:
    """What is traded. Steps are in quote currency (tick) and base currency (lot, quantity step); fees are fractions of
    the notional, negative where the venue pays. `definition` is the object of the file, for the core to read."""

    id: str
    symbol: str
    kind: str
    tick_size: Decimal
    lot_size: Decimal
    quantity_step_in_data: Decimal
    min_notional: Decimal
    maker_fee: Decimal
    taker_fee: Decimal
    contract_multiplier: Decimal
    settle: str | None
    funding_interval_hours: int | None
    definition: Mapping[str, object] = field(compare=False, repr=False)

    @property
    def venue(self) -> str:
        """`binance` of `BTC/USDT@binance`."""
        return self.id.partition("@")[2]

    @property
    def base(self) -> str:
        """`BTC` of `BTC/USDT@binance`."""
        return self.id.partition("/")[0]

    @property
    def quote(self) -> str:
        """`USDT` of `BTC/USDT:USDT@binance`."""
        return re.split("[:@]", self.id.partition("/")[2])[0]

    def to_json(self) -> str:
        """The definition as the core reads it."""
        return json.dumps(dict(self.definition), ensure_ascii=False)


class Instruments:
    """The instruments of one definitions file, in its order. `origin` names the file in errors."""

    def __init__(self, instruments: Iterable[Instrument], origin: str) -> None:
        self.all = tuple(instruments)
        self.origin = origin
        self._by_id = {instrument.id: instrument for instrument in self.all}

    def find(self, instrument_id: str) -> Instrument:
        """The instrument of this id. Raises `UsageError` with the known ones and the nearest."""
        try:
            return self._by_id[instrument_id]
        except KeyError:
            raise unknown_instrument(instrument_id, self._by_id, self.origin) from None

    def find_symbol(self, venue: str, symbol: str, kind: str) -> Instrument:
        """The instrument that `venue` calls `symbol`. Raises `UsageError` with the symbols known of that kind."""
        at_venue = [i for i in self.all if i.venue == venue and i.kind == kind]
        for instrument in at_venue:
            if instrument.symbol == symbol:
                return instrument
        error = unknown_instrument(symbol, [i.symbol for i in at_venue], self.origin, f"{venue} {kind} symbol")
        error.hint += " or give another file with --instruments FILE"
        raise error


def unknown_instrument(name: str, known: Iterable[str], origin: str, what: str = "instrument") -> UsageError:
    """The error for a name that `origin` does not have."""
    names = sorted(known)
    near = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
    listed = ", ".join(f"`{n}`" for n in names) or "none"
    message = f"unknown {what} `{name}`: {origin} has {listed}"
    return UsageError(message, f"did you mean `{near[0]}`?" if near else f"add its definition to {origin}")


def load(path: str | Path) -> Instruments:
    """Reads a definitions file.

    Raises `UsageError` if there is none, `DataError` naming file, instrument, key, value and rule if it is wrong.
    """
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise UsageError(
            f"no instrument definitions at {path}",
            "put an instruments.json beside the data file (docs/catalog.md shows one) or give --instruments FILE",
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: cannot be read as text: {error}") from None
    try:
        rows = json.loads(text)
    except json.JSONDecodeError as error:
        raise DataError(f"{path}: line {error.lineno}: not JSON: {error.msg}") from None
    if not isinstance(rows, list) or not rows:
        raise DataError(f"{path}: must be a JSON list of at least one instrument definition")
    instruments = [from_definition(row, f"{path}: instrument {at}") for at, row in enumerate(rows, 1)]
    seen: set[str] = set()
    for instrument in instruments:
        if instrument.id in seen:
            raise DataError(f"{path}: instrument `{instrument.id}` is defined twice", "leave one of them")
        seen.add(instrument.id)
    return Instruments(instruments, str(path))


def from_definition(row: object, origin: str) -> Instrument:
    """One definition, checked. Raises `DataError` that starts with `origin` and names key, value and rule."""
    if not isinstance(row, dict):
        raise DataError(f"{origin}: must be a JSON object, was {_shown(row)}")
    if isinstance(row.get("id"), str):
        origin = f"{origin} `{row['id']}`"
    for key in row:
        if key not in _KEYS:
            near = difflib.get_close_matches(str(key), _KEYS, n=1)
            raise DataError(f"{origin}: unknown key `{key}`", f"did you mean `{near[0]}`?" if near else "remove it")
    for key in _REQUIRED:
        if key not in row:
            raise DataError(f"{origin}: key `{key}` is missing")
    for key in _TEXTS:
        _require(isinstance(row[key], str) and row[key] != "", origin, key, row[key], "text that is not empty")
    decimals = {key: _decimal(row[key], origin, key) for key in _AMOUNTS}
    steps = {key: _step(row[key], origin, key) for key in _STEPS}
    instrument = Instrument(
        id=row["id"],
        symbol=row["symbol"],
        kind=row["kind"],
        **steps,
        **decimals,
        contract_multiplier=_step(row.get("contract_multiplier", "1"), origin, "contract_multiplier"),
        settle=row.get("settle"),
        funding_interval_hours=row.get("funding_interval_hours"),
        definition=dict(row),
    )
    _check(instrument, origin)
    return instrument


def _check(instrument: Instrument, origin: str) -> None:
    def require(holds: bool, key: str, rule: str) -> None:
        _require(holds, origin, key, instrument.definition.get(key), rule)

    parts = _ID.fullmatch(instrument.id)
    require(parts is not None, "id", "of the form BASE/QUOTE[:SETTLE]@venue")
    require(instrument.kind in KINDS, "kind", "one of " + ", ".join(f"`{k}`" for k in KINDS))
    settle = parts[3] if parts else None
    if instrument.kind == "spot":
        require(settle is None, "id", "of the form BASE/QUOTE@venue for a spot instrument")
        require(instrument.settle is None, "settle", "absent for a spot instrument")
    else:
        require(settle is not None, "id", "of the form BASE/QUOTE:SETTLE@venue for a perpetual")
        require(instrument.settle in (None, settle), "settle", f"the settlement currency of the id, `{settle}`")
        own = instrument.base if instrument.kind == "inverse_perpetual" else instrument.quote
        require(settle == own, "id", f"settled in {own} for a perpetual of this kind")
    for key in ("margin_tiers", "fee_tiers"):
        rows = instrument.definition.get(key, [])
        require(isinstance(rows, list) and all(isinstance(row, dict) for row in rows), key, "a list of objects")
    _check_filters(instrument, origin)
    hours = instrument.funding_interval_hours
    whole = hours is None or (type(hours) is int and 1 <= hours <= 24 * 7)
    require(whole, "funding_interval_hours", "a whole number of hours from 1 to 168")
    step = instrument.quantity_step_in_data
    with localcontext(prec=64):
        whole_lot = instrument.lot_size % step == 0
    require(whole_lot, "lot_size", f"a multiple of `quantity_step_in_data`, {step:f}")
    require(instrument.min_notional >= 0, "min_notional", "≥ 0")
    for key, fee in (("maker_fee", instrument.maker_fee), ("taker_fee", instrument.taker_fee)):
        require(abs(fee) < 1 and _places(fee) <= 9, key, "a fraction of the notional within ±1, with at most 9 places")
    places = sum(map(_places, (instrument.tick_size, step, instrument.contract_multiplier)))
    rule = f"such that tick, quantity step and multiplier have at most {VALUE_PLACES_MAX} places together"
    require(places <= VALUE_PLACES_MAX, "tick_size", rule)


def _check_filters(instrument: Instrument, origin: str) -> None:
    row, step = instrument.definition, instrument.quantity_step_in_data
    given = {key: _step(row[key], origin, key) for key in _FILTERS if key in row}
    for key in ("min_quantity", "max_quantity"):
        with localcontext(prec=64):
            whole = key not in given or given[key] % step == 0
        _require(whole, origin, key, row.get(key), f"a multiple of `quantity_step_in_data`, {step:f}")
    least, most = given.get("min_quantity"), given.get("max_quantity")
    _require(least is None or most is None or least <= most, origin, "max_quantity", most, "at least `min_quantity`")
    up, down = given.get("price_multiplier_up"), given.get("price_multiplier_down")
    _require((up is None) == (down is None), origin, "price_multiplier_up", up, "given with `price_multiplier_down`")
    _require(up is None or up >= 1, origin, "price_multiplier_up", up, "at least 1")
    _require(down is None or down <= 1, origin, "price_multiplier_down", down, "at most 1")
    parts = row.get("iceberg_parts")
    whole = parts is None or (type(parts) is int and 1 <= parts <= 10_000)
    _require(whole, origin, "iceberg_parts", parts, "a whole number from 1 to 10000")


def _decimal(value: object, origin: str, key: str) -> Decimal:
    good = isinstance(value, str) and _DECIMAL.fullmatch(value) is not None
    _require(good, origin, key, value, 'a decimal as text, such as "0.01"')
    text = str(value)
    number = Decimal(text.rstrip("0").rstrip(".") if "." in text else text)
    digits = int("".join(map(str, number.as_tuple().digits)))
    fits = digits <= _INT64_MAX and _places(number) <= VALUE_PLACES_MAX
    _require(fits, origin, key, value, f"within 64 bits and {VALUE_PLACES_MAX} places")
    return number


def _step(value: object, origin: str, key: str) -> Decimal:
    number = _decimal(value, origin, key)
    _require(number > 0, origin, key, value, "above 0")
    _require(_places(number) <= STEP_PLACES_MAX, origin, key, value, f"a step with at most {STEP_PLACES_MAX} places")
    return number


def _places(number: Decimal) -> int:
    exponent = number.as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0


def _require(holds: bool, origin: str, key: str, value: object, rule: str) -> None:
    if not holds:
        raise DataError(f"{origin}: `{key}` must be {rule}, was {_shown(value)}")


def _shown(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 80 else text[:77] + "..."


_SEEDED: tuple[dict[str, object], ...] = (
    {
        "id": "BTC/USDT@simulated",
        "symbol": "BTCUSDT",
        "kind": "spot",
        "tick_size": "0.01",
        "lot_size": "0.00001",
        "quantity_step_in_data": "0.00000001",
        "min_notional": "5",
        "maker_fee": "0.001",
        "taker_fee": "0.001",
    },
    {
        "id": "BTC/USDT:USDT@simulated",
        "symbol": "BTCUSDT",
        "kind": "linear_perpetual",
        "tick_size": "0.1",
        "lot_size": "0.001",
        "quantity_step_in_data": "0.001",
        "min_notional": "100",
        "maker_fee": "0.0002",
        "taker_fee": "0.0005",
        "contract_multiplier": "1",
        "settle": "USDT",
        "funding_interval_hours": 8,
        "margin_tiers": [{"floor": "0", "maintenance": "0.004", "leverage": 125}],
        "liquidation_fee": "0.0125",
    },
    {
        "id": "ETH/USDT:USDT@simulated",
        "symbol": "ETHUSDT",
        "kind": "linear_perpetual",
        "tick_size": "0.01",
        "lot_size": "0.001",
        "quantity_step_in_data": "0.001",
        "min_notional": "20",
        "maker_fee": "0.0002",
        "taker_fee": "0.0005",
        "contract_multiplier": "1",
        "settle": "USDT",
        "funding_interval_hours": 8,
        "margin_tiers": [{"floor": "0", "maintenance": "0.004", "leverage": 125}],
        "liquidation_fee": "0.0125",
    },
)

SIMULATED = Instruments((from_definition(row, "the seeded market") for row in _SEEDED), "the seeded market")
"""The instruments of the seeded market: nothing to load, one definition in code."""

_VALUES = {"ETH/USDT:USDT@simulated": 3_000.0}


def simulated_value(instrument_id: str) -> float:
    """The price that an instrument's seeded market starts at, in quote currency; 60,000 is what it is calibrated to."""
    return _VALUES.get(instrument_id, 60_000.0)
