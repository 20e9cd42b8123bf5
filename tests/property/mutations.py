"""Binance messages, and what a broken recorder, disk or venue could make of them."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable

SPOT_MESSAGES = [
    b'{"stream":"btcusdt@depth@100ms","data":{"e":"depthUpdate","E":1723161255208,"s":"BTCUSDT","U":5,"u":9,'
    b'"b":[["61737.65","0.00"],["61730.15","0.010"]],"a":[["61837.65000000","1.54698000"]]}}',
    b'{"e":"depthUpdate","E":1723161255208123,"s":"BTCUSDT","U":5,"u":9,"b":[],"a":[]}',
    b'{"e":"trade","E":1554076800945,"s":"BTCUSDT","t":40756030,"p":"1.05","q":"33.82","b":133829535,'
    b'"a":133829504,"T":1554076800940,"m":false,"M":true}',
    b'{"e":"aggTrade","E":1554076800945,"s":"BTCUSDT","a":1,"p":"1.05","q":"33.82","f":1,"l":2,'
    b'"T":1554076800940,"m":true,"M":true}',
    b'{"u":1127645101,"s":"BTCUSDT","b":"8010.00000000","B":"0.144","a":"8012.15000000","A":"0.031"}',
    b'{"lastUpdateId":16084251,"bids":[["4091.90","0.976"],["4089.05","0.76"]],"asks":[["4095.95","2.3"]]}',
    b'{"e":"kline","E":123,"s":"BTCUSDT","k":{"t":123,"o":"0.0010","x":false,"B":["1",2,{"e":3}]}}',
    b'{"result":null,"id":1}',
]
USDM_MESSAGES = [
    b'{"stream":"btcusdt@depth@0ms","data":{"e":"depthUpdate","E":1723161256299,"T":1723161256298,"s":"BTCUSDT",'
    b'"U":51,"u":57,"pu":31,"b":[["61510.90","0.000"],["61496.5","0.010"]],"a":[["61800.30","2.510"]]}}',
    b'{"e":"trade","E":1723161256322,"T":1723161256322,"s":"BTCUSDT","t":5266583935,"p":"61800.30","q":"0.006",'
    b'"X":"MARKET","m":false}',
    b'{"e":"trade","E":1596034530241,"T":1596034530235,"s":"BTCUSDT","t":7,"p":"0","q":"0","X":"NA","m":true}',
    b'{"e":"bookTicker","u":185130926750,"s":"BTCUSDT","b":"33134.40","B":"0.170","a":"33139.3","A":"0.380",'
    b'"T":1612137603568,"E":1612137603571}',
    b'{"e":"markPriceUpdate","E":1597536008000,"s":"BTCUSDT","p":"11857.56000000","i":"11851.86949091",'
    b'"r":"-0.00015640","T":1597564800000}',
    b'{"e":"forceOrder","E":1584059031426,"o":{"s":"BTCUSDT","S":"BUY","q":"0.014","p":"4793.91","X":"FILLED"}}',
    b'{"lastUpdateId":5123107852948,"E":1723161256501,"T":1723161256493,"bids":[["61800.20","2.909"]],"asks":[]}',
]
TOKENS = (
    *(b"-", b"+", b".", b"0", b"00", b"1", b"5", b"9" * 19, b"9" * 25, b"18446744073709551616", b"e5", b"1e999"),
    *(
        b"NaN",
        b"Infinity",
        b"null",
        b"true",
        b"{}",
        b"[]",
        b'""',
        b'"',
        b"'",
        b"/*",
        b",",
        b":",
        b"[",
        b"]",
        b"{",
        b"}",
    ),
    *(b"\\", b"\\u0031", b"\\ud800", b"\\n", b"\xff", b"\x00", b"\xc3\xa9", b"\xef\xbb\xbf", b" ", b"\t", b"\r", b"\n"),
)
NUMBERS = (
    *(b"", b"0", b"-0", b"-1", b"1.0", b"1e3", b"1E+2", b"01", b"1.", b".5", b"0x10", b"1_000", b"\xd9\xa1"),
    *(b"0.05", b"0.0500", b"61837.651", b"0.001", b"-0.000001", b"0.0000000001", b"0.1234567890123456789"),
    *(b"9223372036854775807", b"9223372036854775808", b"99999999999999999999", b"92233720368547758.07"),
    *(b"0.00000000000000000000", b"1" + b"0" * 400),
)
KEYS = (
    *(b'"e"', b'"E"', b'"T"', b'"s"', b'"U"', b'"u"', b'"pu"', b'"b"', b'"a"', b'"p"', b'"q"', b'"m"', b'"X"', b'"r"'),
    *(b'"B"', b'"A"', b'"M"', b'"i"', b'"lastUpdateId"', b'"bids"', b'"asks"', b'"data"', b'"stream"'),
)
KEY = re.compile(rb'"\w{1,12}"(?=:)')
PAIR = re.compile(rb'"\w{1,12}":(?:"[^"]*"|[\d.]+|true|false|null)')
VALUE = re.compile(rb'(?<=[:,\[])(?:"[^"]*"|[\d.]+|true|false|null|\[\])(?=[,}\]])')
NUMBER = re.compile(rb"\d+(?:\.\d+)?")

Mutation = Callable[[random.Random, bytes], bytes]


def _found(chance: random.Random, pattern: re.Pattern[bytes], text: bytes) -> tuple[int, int]:
    spans = [match.span() for match in pattern.finditer(text)]
    return chance.choice(spans) if spans else (0, 0)


def _span(chance: random.Random, text: bytes, longest: int = 12) -> tuple[int, int]:
    start = chance.randrange(len(text) + 1)
    return start, min(len(text), start + chance.randint(1, longest))


def flip_bit(chance: random.Random, text: bytes) -> bytes:
    at = chance.randrange(len(text))
    return text[:at] + bytes([text[at] ^ (1 << chance.randrange(8))]) + text[at + 1 :]


def delete(chance: random.Random, text: bytes) -> bytes:
    start, end = _span(chance, text)
    return text[:start] + text[end:]


def repeat(chance: random.Random, text: bytes) -> bytes:
    start, end = _span(chance, text)
    return text[:end] + text[start:end] + text[end:]


def swap(chance: random.Random, text: bytes) -> bytes:
    (a, b), (c, d) = sorted((_span(chance, text), _span(chance, text)))
    return text if b > c else text[:a] + text[c:d] + text[b:c] + text[a:b] + text[d:]


def truncate(chance: random.Random, text: bytes) -> bytes:
    return text[: chance.randrange(len(text))]


def insert(chance: random.Random, text: bytes) -> bytes:
    at = chance.randrange(len(text) + 1)
    return text[:at] + chance.choice(TOKENS) + text[at:]


def number(chance: random.Random, text: bytes) -> bytes:
    start, end = _found(chance, NUMBER, text)
    return text[:start] + chance.choice(NUMBERS) + text[end:]


def digit(chance: random.Random, text: bytes) -> bytes:
    start, end = _found(chance, NUMBER, text)
    at = chance.randrange(start, end) if end > start else 0
    return text[:at] + str(chance.randrange(10)).encode() + text[at + 1 :]


def value(chance: random.Random, text: bytes) -> bytes:
    start, end = _found(chance, VALUE, text)
    other, until = _found(chance, VALUE, text)
    return text[:start] + chance.choice([text[other:until], chance.choice(TOKENS), b'"1.05"', b"[[]]"]) + text[end:]


def nest(chance: random.Random, text: bytes) -> bytes:
    start, end = _found(chance, VALUE, text)
    left, right = chance.choice([(b"[", b"]"), (b'{"e":', b"}")])
    depth = chance.choice([1, 2, 30, 100])
    return text[:start] + left * depth + text[start:end] + right * depth + text[end:]


def rename(chance: random.Random, text: bytes) -> bytes:
    start, end = _found(chance, KEY, text)
    return text[:start] + chance.choice(KEYS) + text[end:]


def double_key(chance: random.Random, text: bytes) -> bytes:
    start, end = _found(chance, PAIR, text)
    again = text[start:end]
    if chance.random() < 0.3:
        again = chance.choice(KEYS) + again[again.find(b":") :]
    return text[:end] + b"," + again + text[end:]


def drop_key(chance: random.Random, text: bytes) -> bytes:
    start, end = _found(chance, PAIR, text)
    return text[:start] + text[end:].removeprefix(b",")


def escape(chance: random.Random, text: bytes) -> bytes:
    """One character inside a string, written otherwise; the meaning stays."""
    start, end = _found(chance, re.compile(rb'"[^"\\]+"'), text)
    if end - start < 3:
        return text
    at = chance.randrange(start + 1, end - 1)
    return text[:at] + b"\\u%04x" % text[at] + text[at + 1 :]


def reorder(chance: random.Random, text: bytes) -> bytes:
    """The same message with its keys in another order."""
    try:
        message = json.loads(text)
    except (ValueError, RecursionError):
        return text
    return json.dumps(_shuffled(chance, message)).encode()


def _shuffled(chance: random.Random, found: object) -> object:
    if not isinstance(found, dict):
        return found
    return {key: _shuffled(chance, found[key]) for key in chance.sample(list(found), len(found))}


MUTATIONS: tuple[Mutation, ...] = (
    *(
        flip_bit,
        delete,
        repeat,
        swap,
        truncate,
        insert,
        number,
        digit,
        value,
        nest,
        rename,
        double_key,
        drop_key,
        escape,
    ),
    *(reorder, digit, number, escape),
)


def mutant(chance: random.Random, text: bytes) -> bytes:
    """One to three mutations of a message."""
    for _ in range(chance.choice((1, 1, 1, 2, 3))):
        if text:
            text = chance.choice(MUTATIONS)(chance, text)
    return text
