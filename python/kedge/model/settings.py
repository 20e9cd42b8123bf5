"""What `kedge.toml` may say: every setting with its type, its bound, its default and an example.

The environment goes over the file: `KEDGE_RISK_ORDER_SIZE=0.5` sets `order_size` in `[risk]`.
Amounts are decimals, read from their text (`0.1` is a tenth); durations are text with a unit and nanoseconds inside.
`settings.model_dump(mode="json")` is what a run folder keeps; `Settings.model_validate` reads it back.
"""

from __future__ import annotations

import math
import os
import tomllib
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    StringConstraints,
    ValidationError,
    model_validator,
)

from kedge.model.durations import SECOND
from kedge.model.errors import UsageError
from kedge.model.latency import Duration, FeedLeg, Leg
from kedge.model.settings_errors import explain, unknown_variable

FILE_NAME = "kedge.toml"
# Variables with our prefix that are no settings.
RESERVED = frozenset({"KEDGE_TEST_DATA"})
# The engine holds money in units of 10⁻¹⁶; these keep every amount far from its 128 bits.
PLACES = 16
LARGEST = 10**15


def _decimal(value: object) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, (int, str, Decimal)):
        raise ValueError("must be a number")
    try:
        number = Decimal(value)
    except InvalidOperation:
        raise ValueError("must be a number") from None
    if not number.is_finite():
        raise ValueError("must be a finite number")
    if -int(number.as_tuple().exponent) > PLACES:
        raise ValueError(f"must have at most {PLACES} decimal places")
    return number


def _float(value: object) -> float:
    return value if isinstance(value, float) else float(_decimal(value))


def _plain(number: Decimal) -> str:
    return f"{number:f}"


def _parameter(value: object) -> object:
    value = float(value) if isinstance(value, Decimal) else value
    if not isinstance(value, (bool, int, float, str)) or (isinstance(value, float) and not math.isfinite(value)):
        raise ValueError("must be a finite number, true, false or text")
    return value


# In JSON every value is the text that reads back as itself.
Number = Annotated[Decimal, BeforeValidator(_decimal), PlainSerializer(_plain, when_used="json")]
Amount = Annotated[Number, Field(gt=0, le=LARGEST)]
Fraction = Annotated[Number, Field(gt=0, le=1)]
Currency = Annotated[str, StringConstraints(pattern=r"^[A-Z0-9]{2,12}$")]
Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$")]
InstrumentId = Annotated[str, StringConstraints(pattern=r"^[A-Z0-9]+/[A-Z0-9]+(:[A-Z0-9]+)?@[a-z0-9_]+$")]
VenueName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9_]+$")]
Address = Annotated[str, StringConstraints(pattern=r"^((http|ws)s?://[^\s?#@]+)?$")]
Parameter = Annotated[bool | int | float | str, BeforeValidator(_parameter)]


class Section(BaseModel):
    """A table of the file: frozen, and a key it does not know is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class AccountSettings(Section):
    """What the account holds when a backtest starts, and what its venue asks of it."""

    balances: dict[Currency, Annotated[Number, Field(ge=0, le=LARGEST)]] = Field(
        {"USDT": Decimal(10_000)}, description="Cash by currency", examples=['{ USDT = "10000" }']
    )
    margin: Literal["auto", "none", "cross", "isolated"] = Field(
        "auto", description="What stands behind positions", examples=['"isolated"']
    )
    leverage: int = Field(20, ge=1, le=125, description="Leverage of isolated positions", examples=["10"])
    tiers: str = Field("", description="File of margin tiers, as Binance gives them", examples=['"brackets.json"'])
    liquidation: Literal["whole", "tier"] = Field(
        "whole", description="How much a liquidation closes", examples=['"tier"']
    )
    borrow: dict[Currency, Annotated[Number, Field(ge=0, le=1)]] = Field(
        {}, description="Hourly interest of currencies lent to sell them short", examples=['{ BTC = "0.0000012" }']
    )


class FeeTier(Section):
    """Fees from a traded volume on."""

    volume: Annotated[Number, Field(ge=0, le=LARGEST)] = Field(
        description="Traded in 30 days, quote currency", examples=["1_000_000"]
    )
    maker: Annotated[Number, Field(gt=-1, lt=1)] = Field(description="Of notional", examples=["0.0002"])
    taker: Annotated[Number, Field(gt=-1, lt=1)] = Field(description="Of notional", examples=["0.0005"])


class FeeSettings(Section):
    """Fees in a backtest, over those of the instruments' definitions."""

    tiers: Annotated[tuple[FeeTier, ...], Field(strict=False)] = Field(
        (), description="By traded volume", examples=["[{ volume = 0, maker = 0.0002, taker = 0.0005 }]"]
    )
    volume: Annotated[Number, Field(ge=0, le=LARGEST)] = Field(
        Decimal(0), description="Traded in the 30 days before, quote currency", examples=["2_000_000"]
    )


class BacktestSettings(Section):
    """How the simulated venue fills, and what a run writes."""

    queue: Literal["risk_averse", "power", "power_of_level", "power_not_ahead", "log", "log_of_both"] = Field(
        "risk_averse", description="Model of the queue ahead of a resting order", examples=['"power"']
    )
    queue_power: Annotated[float, BeforeValidator(_float), Field(gt=0, allow_inf_nan=False)] = Field(
        2.0, description="Exponent of the power models", examples=["2.0"]
    )
    fills: Literal["whole", "partial", "through"] | None = Field(
        None, description="When, and by how much, resting orders fill", examples=['"through"']
    )
    partial_fills: bool = Field(
        True, description="Without `fills`: `partial`, or if not true `whole`", examples=["true"]
    )
    sample_seconds: int = Field(1, ge=1, le=86_400, description="Spacing of the equity curve", examples=["1"])
    callback_seconds: Annotated[float, BeforeValidator(_float), Field(gt=0, le=3_600, allow_inf_nan=False)] = Field(
        2.0, description="Longest a strategy's callback may run", examples=["2.0"]
    )
    memory_gb: Annotated[float, BeforeValidator(_float), Field(gt=0, allow_inf_nan=False)] | None = Field(
        None, description="Most memory the market data may take; else what the machine has free", examples=["8"]
    )
    funding: str = Field(
        "data", min_length=1, description="Funding rates: of the data, none, or a file", examples=['"funding.parquet"']
    )
    out: str = Field("runs", min_length=1, description="Folder that run folders go to", examples=['"runs"'])

    @property
    def fill_model(self) -> str:
        """`whole`, `partial` or `through`."""
        return self.fills or ("partial" if self.partial_fills else "whole")


class VenueLatency(Section):
    """What differs at one venue."""

    feed: FeedLeg | None = Field(None, description="Market data", examples=['"recorded"', '"20ms"'])
    entry: Leg | None = Field(None, description="From us to the venue", examples=['"100ms"', '{ venue = "own" }'])
    response: Leg | None = Field(None, description="From the venue to us", examples=['"100ms"', '{ venue = "own" }'])


class LatencySettings(Section):
    """How late we see the market, the venue sees our orders, and we see its reports."""

    feed: FeedLeg = Field(
        "recorded",
        description="Market data: as recorded, constant, or a model",
        examples=['"recorded"', '"20ms"', '{ venue = "own" }'],
    )
    entry: Leg = Field(50_000_000, description="From us to the venue", examples=['"50ms"', '{ venue = "own" }'])
    response: Leg = Field(50_000_000, description="From the venue to us", examples=['"50ms"', '{ venue = "own" }'])
    venues: dict[VenueName, VenueLatency] = Field(
        {}, description="By venue, what differs there", examples=['{ okx = { entry = "120ms" } }']
    )


class Limits(Section):
    """What risk lets through. A limit that is not set does not bind."""

    order_size: Amount | None = Field(None, description="Most base units in one order", examples=['"0.5"'])
    position: Amount | None = Field(None, description="Most base units held, long or short", examples=['"2"'])
    order_notional: Amount | None = Field(None, description="Most quote currency in one order", examples=["1_000"])
    position_notional: Amount | None = Field(None, description="Most quote currency held", examples=["5_000"])
    price_band: Fraction | None = Field(
        None, description="Furthest beyond the opposite best, as a fraction of it", examples=["0.05"]
    )
    orders_per_second: int | None = Field(None, ge=1, description="Most orders in any second", examples=["20"])
    stale_after: Duration | None = Field(None, description="Age at which a book is stale", examples=['"5s"'])
    daily_loss: Fraction | None = Field(
        None, description="Most lost in a UTC day, as a fraction of the starting balance", examples=["0.02"]
    )


class RiskSettings(Limits):
    """Limits that hold for each strategy; one of its own holds where it is tighter."""

    stale_after: Duration | None = Field(5_000_000_000, description="Age at which a book is stale", examples=['"5s"'])
    leverage: Annotated[Number, Field(ge=1, le=125)] = Field(
        Decimal(10), description="Most notional of perpetuals per unit of equity", examples=["10"]
    )


class ExecutionSettings(Section):
    """How a target becomes orders."""

    target: Literal["market"] = Field("market", description="Policy that moves a position", examples=['"market"'])


class StrategySettings(Section):
    """One strategy on one instrument, or many of it."""

    name: Name = Field(description="Its name in tables and reports", examples=['"quoting-btc"'])
    file: str = Field(
        min_length=1, description="Its Python file, its rule, or rust:NAME", examples=['"examples/quoting.py"']
    )
    instrument: InstrumentId = Field(description="What it trades", examples=['"BTC/USDT@binance"'])
    params: dict[str, Parameter] = Field({}, description="Its parameters", examples=["{ half_spread = 1.0 }"])
    limits: Limits = Field(Limits(), description="Its own limits", examples=["{ order_notional = 1_000 }"])
    own_account: bool = Field(False, description="Whether it has an account of its own (backtests)", examples=["true"])
    seed: int | None = Field(None, ge=0, le=2**63 - 1, description="Seed of its ctx.rng", examples=["7"])
    copies: int = Field(1, ge=1, le=10_000, description="How many of it run (backtests)", examples=["1_000"])
    grid: dict[str, Annotated[tuple[Parameter, ...], Field(strict=False, min_length=1)]] = Field(
        {}, description="Parameters whose values are all tried (backtests)", examples=["{ half_spread = [1.0, 2.0] }"]
    )


class TraderSettings(Section):
    """Who trades live, and where it keeps its journal."""

    id: Annotated[str, StringConstraints(pattern=r"^[a-z0-9]{2}$")] = Field(
        "k1", description="Two characters that the names of its orders begin with", examples=['"a1"']
    )
    data: str = Field("kedge-data", min_length=1, description="Folder of its journal", examples=['"kedge-data"'])
    reconcile: Annotated[Duration, Field(ge=SECOND, le=3_600 * SECOND)] = Field(
        60 * SECOND, description="Time between comparisons with the venue", examples=['"1m"']
    )
    checkpoint: Annotated[Duration, Field(ge=SECOND, le=3_600 * SECOND)] = Field(
        60 * SECOND, description="Time between checkpoints of the books", examples=['"1m"']
    )
    on_stop: Literal["cancel", "keep"] = Field(
        "cancel", description="What becomes of open orders when it is stopped", examples=['"keep"']
    )


class VenueSettings(Section):
    """Where and as whom we trade. Without an address, Binance's own is used; a simulated exchange has none."""

    name: Literal["simulated", "binance"] = Field("simulated", description="Whose market it is", examples=['"binance"'])
    spot_rest: Address = Field("", description="Spot: orders and snapshots", examples=['"http://127.0.0.1:8431"'])
    spot_stream: Address = Field("", description="Spot: market streams", examples=['"ws://127.0.0.1:8431/stream/ws"'])
    spot_private: Address = Field("", description="Spot: WebSocket API", examples=['"ws://127.0.0.1:8431/ws-api/v3"'])
    usdm_rest: Address = Field("", description="USD-M: orders and snapshots", examples=['"http://127.0.0.1:8431"'])
    usdm_stream: Address = Field("", description="USD-M: market streams", examples=['"ws://127.0.0.1:8431"'])
    usdm_private: Address = Field("", description="USD-M: user stream", examples=['"ws://127.0.0.1:8431"'])
    spot_order: Address = Field(
        "", description="Spot: where orders go, if not to spot_private", examples=['"http://127.0.0.1:8431"']
    )
    usdm_order: Address = Field(
        "", description="USD-M: WebSocket API for orders", examples=['"ws://127.0.0.1:8431/ws-fapi/v1"']
    )
    recv_window: Annotated[Duration, Field(ge=SECOND // 2, le=5 * SECOND)] = Field(
        SECOND * 3 // 2, description="How long the venue may take to receive an order", examples=['"1500ms"']
    )
    # Keys come from the environment and go into no file of ours.
    key: str = Field("", repr=False, exclude=True, description="Key; set KEDGE_VENUE_KEY", examples=['"…"'])
    secret: str = Field("", repr=False, exclude=True, description="Secret; set KEDGE_VENUE_SECRET", examples=['"…"'])


class ServerSettings(Section):
    """The page and its interface, on this machine only."""

    port: int = Field(8420, ge=0, le=65_535, description="Port on 127.0.0.1; 0 takes a free one", examples=["8420"])


class ExchangeSettings(Section):
    """The simulated exchange that `kedge up` starts."""

    seed: int = Field(1, ge=0, le=2**63 - 1, description="Seed of its market", examples=["7"])
    speed: Annotated[float, BeforeValidator(_float), Field(ge=0.1, le=100, allow_inf_nan=False)] = Field(
        1.0, description="How much faster than real its market moves", examples=["10.0"]
    )


class Settings(Section):
    """The whole file."""

    account: AccountSettings = AccountSettings()
    fees: FeeSettings = FeeSettings()
    backtest: BacktestSettings = BacktestSettings()
    latency: LatencySettings = LatencySettings()
    risk: RiskSettings = RiskSettings()
    execution: ExecutionSettings = ExecutionSettings()
    trader: TraderSettings = TraderSettings()
    venue: VenueSettings = VenueSettings()
    server: ServerSettings = ServerSettings()
    exchange: ExchangeSettings = ExchangeSettings()
    strategy: Annotated[tuple[StrategySettings, ...], Field(strict=False)] = ()

    @model_validator(mode="after")
    def _names_differ(self) -> Self:
        names = [strategy.name for strategy in self.strategy]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"`strategy.name` must differ between strategies, was {name!r} twice")
        return self


SECTIONS: Mapping[str, type[Section]] = {
    "account": AccountSettings,
    "fees": FeeSettings,
    "backtest": BacktestSettings,
    "latency": LatencySettings,
    "risk": RiskSettings,
    "execution": ExecutionSettings,
    "trader": TraderSettings,
    "venue": VenueSettings,
    "server": ServerSettings,
    "exchange": ExchangeSettings,
}


def load_settings(path: Path | None = None, environ: Mapping[str, str] | None = None) -> Settings:
    """Settings of a file (without a path: of `kedge.toml` here, if there is one) with the environment over it.

    Raises `UsageError` naming file, line, key, value and bound.
    """
    if path is None and Path(FILE_NAME).is_file():
        path = Path(FILE_NAME)
    text = "" if path is None else _read(path)
    try:
        table = tomllib.loads(text, parse_float=Decimal)
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"{path} is not TOML: {error}", "correct that line; docs/settings.md shows the form") from None
    variables = _overlay(table, os.environ if environ is None else environ)
    try:
        return Settings.model_validate(table)
    except ValidationError as error:
        raise explain(error, Settings, str(path or FILE_NAME), text, variables) from None


def setting_value(text: str) -> Any:
    """The value of a setting given outside the file: TOML where it reads as TOML, else the text itself."""
    try:
        table = tomllib.loads(f"value = {text}", parse_float=Decimal)
    except tomllib.TOMLDecodeError:
        return text
    return table["value"] if len(table) == 1 else text


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise UsageError(f"settings file {path} is not there", "check the path given with --settings") from None
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"settings file {path} cannot be read: {error}", "make it a readable UTF-8 file") from None


def _overlay(table: dict[str, Any], environ: Mapping[str, str]) -> dict[tuple[str, str], str]:
    """Puts `KEDGE_*` variables into the table. Returns which setting came from which variable."""
    origin = {}
    for variable in sorted(environ):
        if not variable.startswith("KEDGE_") or variable in RESERVED:
            continue
        section, _, key = variable.removeprefix("KEDGE_").lower().partition("_")
        if section not in SECTIONS or key not in SECTIONS[section].model_fields:
            raise unknown_variable(variable, SECTIONS)
        held = table.setdefault(section, {})
        if isinstance(held, dict):
            held[key] = setting_value(environ[variable])
            origin[section, key] = variable
    return origin
