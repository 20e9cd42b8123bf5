"""Signatures against the venue's own documented example, and keys that do not show themselves."""

import traceback

from kedge.venues.binance import Keys
from kedge.venues.binance.signing import sign, signed_params, signed_query

SECRET = "NhqPtmdSJYdKjVHjA7PZj4Mge3R5YNiP1e3UZjInClVN65XAbvqqM6A7H5fATj0j"
KEYS = Keys("vmPUZE6mv9SD5VNHk4HlWFsOr6aKE2zvsw0MuIgwCIPy6utIco14y7Ju91duEh8A", SECRET)


def test_the_venues_example() -> None:
    params: dict[str, str | int] = {
        "symbol": "LTCBTC",
        "side": "BUY",
        "type": "LIMIT",
        "timeInForce": "GTC",
        "quantity": 1,
        "price": "0.1",
        "recvWindow": 5000,
        "timestamp": 1499827319559,
    }
    query = signed_query(KEYS, params)
    assert query.endswith("&signature=c8db56825ae71d6d79447849e617115f4a920fa2acdcab2b053c4b2838bd6b71")
    assert query.startswith("symbol=LTCBTC&side=BUY&type=LIMIT&timeInForce=GTC&quantity=1&price=0.1&recvWindow=5000&")


def test_a_message_is_signed_sorted_by_name() -> None:
    named = signed_params(KEYS, {"timestamp": 3, "recvWindow": 5})
    assert named["signature"] == sign(SECRET, f"apiKey={KEYS.key}&recvWindow=5&timestamp=3")


def test_a_secret_shows_nowhere() -> None:
    assert SECRET not in f"{KEYS!r} {KEYS} {[KEYS]}"
    assert KEYS.key not in repr(KEYS)
    assert SECRET not in "".join(traceback.format_exception(ValueError(KEYS)))
