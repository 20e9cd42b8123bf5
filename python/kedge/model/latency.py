"""How long messages travel, as `[latency]` of the settings says it: a duration, or a table that names a model."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Discriminator, Field, PlainSerializer, Tag, model_validator

from kedge.model.durations import duration_text, parse_duration
from kedge.model.errors import UsageError

VENUES = ("binance", "bybit", "coinbase", "cryptocom", "kraken", "kucoin", "okx")


def read_duration(value: object) -> int:
    """A setting's duration in ns. Raises `ValueError` with the rule it breaks."""
    try:
        return parse_duration(value if isinstance(value, str) else str(value))
    except UsageError as error:
        raise ValueError(error.message.removeprefix("`duration` ").partition(", was ")[0]) from None


Duration = Annotated[int, BeforeValidator(read_duration), PlainSerializer(duration_text, when_used="json")]
_Float = Annotated[float, BeforeValidator(lambda value: value if isinstance(value, bool) else float(value))]


class LegModel(BaseModel):
    """A leg that is no constant: exactly one of `venue`, `median`, `samples`, `quantiles` and `feed` says which.

    `samples` and `quantiles` are CSV files; `feed` takes the recording's own feed latencies.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    venue: Literal["own", "binance", "bybit", "coinbase", "cryptocom", "kraken", "kucoin", "okx"] | None = Field(
        None, description="A venue's default; `own`: of the venue where the instrument trades", examples=['"binance"']
    )
    median: Duration | None = Field(None, description="Of a lognormal", examples=['"70ms"'])
    sigma: _Float = Field(
        0.2, ge=0, le=3, allow_inf_nan=False, description="Deviation of its logarithm", examples=["0.2"]
    )
    spike_every: int = Field(0, ge=0, description="One message in so many is held up; 0: none", examples=["500"])
    spike: Duration = Field(0, description="By how much longer, in the mean", examples=['"700ms"'])
    samples: str | None = Field(None, min_length=1, description="CSV: time in ns, latency in ms", examples=['"a.csv"'])
    quantiles: str | None = Field(
        None, min_length=1, description="CSV: latency in ms at evenly spaced quantiles", examples=['"q.csv"']
    )
    feed: bool = Field(False, description="As measured on the recording's feed at that time", examples=["true"])
    times: _Float = Field(
        1.0, gt=0, le=1_000, allow_inf_nan=False, description="By how much it is multiplied", examples=["2.0"]
    )

    @model_validator(mode="after")
    def _names_one_model(self) -> Self:
        named = [self.venue, self.median, self.samples, self.quantiles, self.feed or None]
        if sum(model is not None for model in named) != 1:
            raise ValueError("must name one of venue, median, samples, quantiles and feed")
        return self


def _read_leg(value: object) -> object:
    try:
        return read_duration(value)
    except ValueError as error:
        raise ValueError(f"{error}, or be a table that names a model") from None


def _read_feed(value: object) -> object:
    if value == "recorded":
        return value
    try:
        return read_duration(value)
    except ValueError as error:
        raise ValueError(f'must be "recorded" or a duration, which {error}, or be a table that names a model') from None


def _leg_text(leg: int | str) -> str:
    return duration_text(leg) if isinstance(leg, int) else leg


def _model_json(leg: LegModel) -> dict[str, object]:
    return leg.model_dump(mode="json", exclude_defaults=True)


def _form(leg: object) -> str:
    return "[model]" if isinstance(leg, dict | LegModel) else "[duration]"


_Model = Annotated[LegModel, PlainSerializer(_model_json, when_used="json")]
_Plain = Annotated[int, BeforeValidator(_read_leg), PlainSerializer(_leg_text, when_used="json")]
_PlainFeed = Annotated[
    Literal["recorded"] | int, BeforeValidator(_read_feed), PlainSerializer(_leg_text, when_used="json")
]
# The tags are in brackets, so that they do not show in a setting's name in a message.
Leg = Annotated[Annotated[_Plain, Tag("[duration]")] | Annotated[_Model, Tag("[model]")], Discriminator(_form)]
FeedLeg = Annotated[Annotated[_PlainFeed, Tag("[duration]")] | Annotated[_Model, Tag("[model]")], Discriminator(_form)]
