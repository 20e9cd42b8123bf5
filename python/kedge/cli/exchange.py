"""`kedge exchange`: an exchange of our own that speaks Binance's protocol."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from kedge.cli.arguments import Json
from kedge.cli.output import show, table
from kedge.model.durations import parse_duration
from kedge.model.errors import UsageError

if TYPE_CHECKING:
    from kedge.venues.simulated.accounts import Account
    from kedge.venues.simulated.addresses import Addresses

LEAST_KEY = 8


def command(
    port: Annotated[int, typer.Option(metavar="N", min=0, max=65_535, help="Port of 127.0.0.1; 0: a free one.")] = 8790,
    seed: Annotated[int, typer.Option(metavar="N", min=0, max=2**63 - 1, help="Seed of the market.")] = 1,
    speed: Annotated[
        float, typer.Option(metavar="X", min=0.1, max=100, help="How much faster the market runs than the clock.")
    ] = 1.0,
    truth: Annotated[Path, typer.Option(metavar="FILE", help="Where it keeps what really happened.")] = Path(
        "exchange.sqlite"
    ),
    accounts: Annotated[int, typer.Option(metavar="N", min=1, max=1_000, help="How many accounts it opens.")] = 1,
    key: Annotated[
        str | None, typer.Option(metavar="KEY", help="API key of the first account.  [default: new]")
    ] = None,
    secret: Annotated[str | None, typer.Option(metavar="SECRET", help="Its secret.  [default: new]")] = None,
    start_balance: Annotated[
        str, typer.Option(metavar="USDT", help="What each account starts with, half of it in each wallet.")
    ] = "10000",
    limits: Annotated[
        int, typer.Option(metavar="N", min=1, max=1_000, help="How many times Binance's request limits hold.")
    ] = 1,
    duration: Annotated[
        str | None, typer.Option("--for", metavar="DURATION", help="End by itself after so long.  [default: never]")
    ] = None,
    as_json: Json = False,
) -> None:
    """Serve an exchange that speaks Binance's spot and USD-M protocol.

    Spot BTC/USDT and the perpetual ETH/USDT on a seeded market in real time. Serves until Ctrl-C.

    \b
    Example:
      kedge exchange --port 0 --seed 7
    """
    from kedge.venues.simulated.addresses import snippet
    from kedge.venues.simulated.server import Options, halves, run

    spot, futures = halves(_balance(start_balance))
    seconds = None if duration is None else parse_duration(duration, "--for") / 1e9
    options = Options(truth, port, seed, speed, accounts, *_keys(key, secret), spot, futures, seconds, limits)

    def ready(addresses: Addresses, account: Account, others: list[Account]) -> None:
        override = addresses.ccxt(account.key, account.secret)
        opened = [{"key": one.key, "secret": one.secret} for one in (account, *others)]
        document = {
            **addresses.as_json(),
            "truth": str(truth.absolute()),
            "account": opened[0],
            "accounts": opened,
            "ccxt": override,
        }
        rows = [(name.replace("_", " "), value) for name, value in addresses.as_json().items()]
        rows += [("truth", str(truth.absolute())), ("key", account.key), ("secret", account.secret)]
        line = f"exchange at {addresses.rest}, seed {seed}; Ctrl-C ends it"
        show(as_json, document, line, table(("", ""), rows, left=2), "", snippet(override))

    run(options, ready)


def _balance(text: str) -> Decimal:
    try:
        amount = Decimal(text)
    except InvalidOperation:
        amount = Decimal("NaN")
    places = amount.as_tuple().exponent
    if not amount.is_finite() or not 0 <= amount <= 10**9 or not isinstance(places, int) or places < -7:
        hint = "for example --start-balance 10000"
        raise UsageError(
            f"`--start-balance` must be an amount from 0 to 10^9 with at most 7 places, was {text!r}", hint
        )
    return amount


def _keys(key: str | None, secret: str | None) -> tuple[str | None, str | None]:
    if (key is None) != (secret is None):
        raise UsageError("`--key` and `--secret` go together", "give both, or neither for new ones")
    for flag, value in (("--key", key), ("--secret", secret)):
        if value is not None and not (value.isascii() and value.isalnum() and len(value) >= LEAST_KEY):
            raise UsageError(f"`{flag}` must be at least {LEAST_KEY} letters and digits, was {len(value)} characters")
    return key, secret
