"""The table of outcomes: one example for each row and more, held to the document, and total over any answer."""

import json
import re
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from kedge.venues.binance.outcomes import (
    LONGEST_WAIT_S,
    Accepted,
    Answer,
    Failure,
    Kind,
    Outcome,
    Rejected,
    Retryable,
    Unknown,
    judge,
)

CLOSES = 1_700_000_000_000_000_000
ORDER = b'{"symbol":"BTCUSDT","orderId":28,"clientOrderId":"k1","transactTime":1507725176595}'
PAGE = b"<html><head><title>502 Bad Gateway</title></head></html>"


def error(code: int, message: str = "Something.") -> bytes:
    return json.dumps({"code": code, "msg": message}).encode()


A, R, U, T = Accepted, Rejected, Unknown, Retryable
# What came; its examples; the outcome of an order, of a cancel or amendment, and of a question.
Row = tuple[str, list[Answer | Failure], type[Outcome], type[Outcome], type[Outcome]]
ROWS: list[Row] = [
    ("not connected", [Failure(False, "not connected: ClientConnectorError")], T, T, T),
    ("no answer in time", [Failure(True, "no answer in time")], U, U, T),
    ("connection lost, answer broken or too long", [Failure(True, "lost")], U, U, T),
    ("2xx with an order id", [Answer(200, ORDER)], A, A, A),
    ("2xx with an error code in it", [Answer(200, error(-2010)), Answer(200, error(-1021))], U, U, T),
    (
        "2xx with anything else",
        [
            Answer(200, b""),
            Answer(200, PAGE),
            Answer(200, ORDER[:40]),
            Answer(200, b"\xff\x00garbage"),
            Answer(204, b""),
            Answer(200, b"12"),
            Answer(200, b"null"),
        ],
        U,
        U,
        T,
    ),
    ("3xx", [Answer(301, b""), Answer(302, ORDER)], U, U, T),
    (
        "4xx with an error code",
        [
            Answer(400, error(-1013, "Filter failure: LOT_SIZE")),
            Answer(400, error(-2010, "Account has insufficient balance for requested action.")),
            Answer(401, error(-2015)),
            Answer(400, error(-2011, "Unknown order sent.")),
            Answer(400, error(-1021)),
        ],
        R,
        R,
        R,
    ),
    ("4xx with -1000, -1001, -1006 or -1007", [Answer(400, error(c)) for c in (-1000, -1001, -1006, -1007)], U, U, T),
    ("4xx with -1003, -1008 or -1015", [Answer(400, error(code)) for code in (-1003, -1008, -1015)], T, T, T),
    (
        "4xx with -2010 about a duplicate, -4111, -4115 or -4116",
        [
            Answer(400, error(-2010, "Duplicate order sent.")),
            Answer(400, error(-4116, "ClientOrderId is duplicated.")),
            Answer(400, error(-4115)),
            Answer(400, error(-4111)),
        ],
        U,
        R,
        R,
    ),
    (
        "4xx without an error code",
        [
            Answer(403, PAGE),
            Answer(400, b""),
            Answer(404, b"{}"),
            Answer(400, error(0)),
            Answer(400, error(200)),
            Answer(400, b'{"code":"-2010"}'),
            Answer(400, b'{"code":-1e3}'),
            Answer(408, b"[-2010]"),
        ],
        U,
        U,
        T,
    ),
    ("429", [Answer(429, error(-1003), 7.0), Answer(429, PAGE), Answer(429, error(-1015))], T, T, T),
    ("418", [Answer(418, error(-1003), 600.0), Answer(418, b"")], T, T, T),
    (
        "5xx",
        [
            Answer(500, error(-1000)),
            Answer(502, PAGE),
            Answer(503, error(-1001, "Unknown error, please check your request or try again later.")),
            Answer(503, b""),
            Answer(503, error(-2010)),
            Answer(504, error(-1007)),
            Answer(599, ORDER),
        ],
        U,
        U,
        T,
    ),
    ("any other status", [Answer(101, b""), Answer(0, b""), Answer(999, ORDER)], U, U, T),
]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_each_row(row: Row) -> None:
    _, answers, submitted, changed, asked = row
    for answer in answers:
        assert type(judge(Kind.SUBMIT, answer, CLOSES)) is submitted, answer
        assert type(judge(Kind.CANCEL, answer, CLOSES)) is changed, answer
        assert type(judge(Kind.AMEND, answer, CLOSES)) is changed, answer
        assert type(judge(Kind.READ, answer)) is asked, answer


def test_the_document_has_the_same_table(repository: Path) -> None:
    text = (repository / "docs" / "binance.md").read_text(encoding="utf-8")
    table = text[text.index("| what came |") :].split("\n\n")[0].splitlines()[2:]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in table]
    words = {Accepted: "accepted", Rejected: "rejected", Unknown: "unknown", Retryable: "retryable"}
    said = [(plain(name), *(re.split(r"\W", plain(cell))[0] for cell in rest)) for name, *rest in cells]
    assert said == [(name, *(words[outcome] for outcome in outcomes)) for name, _, *outcomes in ROWS]


def plain(cell: str) -> str:
    return cell.replace("`", "").replace("−", "-").replace("*", "")


def test_what_an_outcome_says() -> None:
    assert judge(Kind.SUBMIT, Answer(200, ORDER)) == Accepted(28, 1_507_725_176_595_000_000)
    assert judge(Kind.SUBMIT, Answer(200, b'{"orderId":5,"updateTime":7}')) == Accepted(5, 7_000_000)
    assert judge(Kind.SUBMIT, Answer(200, b'{"orderId":5}')) == Accepted(5, 0)
    assert judge(Kind.SUBMIT, Answer(400, error(-1013, "No."))) == Rejected(-1013, "No.")
    unknown = judge(Kind.SUBMIT, Answer(503, PAGE), CLOSES)
    assert unknown == Unknown(f"HTTP 503: a page instead of JSON: {PAGE.decode()}", CLOSES)
    assert judge(Kind.SUBMIT, Answer(429, b"", 7.0)) == Retryable("HTTP 429: too many requests", 7.0)
    assert judge(Kind.SUBMIT, Answer(418, b"", float("inf"))) == Retryable(
        "HTTP 418: our address is banned", LONGEST_WAIT_S
    )


bodies = st.one_of(
    st.binary(max_size=200),
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
        lambda inner: (
            st.lists(inner, max_size=4)
            | st.dictionaries(st.sampled_from(["code", "msg", "orderId", "updateTime", "transactTime", "x"]), inner)
        ),
        max_leaves=8,
    ).map(lambda value: json.dumps(value).encode()),
    st.just(b"[" * 100_000),
)
answers = st.one_of(
    st.builds(
        Answer,
        st.integers(-1, 1000) | st.sampled_from([200, 400, 418, 429, 503]),
        bodies,
        st.none() | st.floats(),
    ),
    st.builds(Failure, st.booleans(), st.just("lost")),
)


@given(st.sampled_from(Kind), answers)
@example(Kind.SUBMIT, Answer(429, b"", float("nan")))
def test_the_table_is_total_and_only_the_venues_own_word_is_definite(kind: Kind, answer: Answer | Failure) -> None:
    outcome = judge(kind, answer, CLOSES)
    if isinstance(outcome, Retryable):
        assert 0 < outcome.after_s <= LONGEST_WAIT_S
    if kind is Kind.READ:
        assert not isinstance(outcome, Unknown)
    elif isinstance(outcome, Unknown):
        assert outcome.closes_ns == CLOSES
        assert isinstance(answer, Answer) or answer.sent
    text = getattr(outcome, "why", None) or getattr(outcome, "message", "")
    assert text.isprintable()
    assert len(text) < 600
    if isinstance(outcome, Rejected):
        assert isinstance(answer, Answer)
        assert 400 <= answer.status <= 499
        assert json.loads(answer.body)["code"] == outcome.code < 0
    if isinstance(outcome, Accepted) and kind is not Kind.READ:
        assert isinstance(answer, Answer)
        assert 200 <= answer.status <= 299
        assert json.loads(answer.body)["orderId"] == outcome.order_id
