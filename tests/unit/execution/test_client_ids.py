"""Names of orders at a venue: short, plain, never the same twice, and ours can be told from others'."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kedge.execution.client_ids import EPOCH_SHIFT, client_id, first_order, order_of
from kedge.model.errors import UsageError

TRADERS = st.from_regex(r"\A[a-z0-9]{2}\Z")
ORDERS = st.integers(1, 2**63 - 1)


@given(TRADERS, ORDERS)
def test_a_name_leads_back_to_its_order(trader: str, order: int) -> None:
    name = client_id(trader, order)
    assert re.fullmatch(r"[a-z0-9]{1,16}", name)
    assert order_of(trader, name) == order


@given(TRADERS, ORDERS, ORDERS)
def test_two_orders_have_two_names(trader: str, one: int, other: int) -> None:
    assert (client_id(trader, one) == client_id(trader, other)) == (one == other)


@given(TRADERS, TRADERS, ORDERS)
def test_another_traders_name_is_not_ours(ours: str, theirs: str, order: int) -> None:
    assert (order_of(ours, client_id(theirs, order)) is None) == (ours != theirs)


@given(st.text(max_size=40))
def test_any_text_is_a_name_or_none(text: str) -> None:
    order = order_of("k1", text)
    assert order is None or text.startswith("kk1")


@given(st.integers(1, 2**31 - 1), st.integers(0, 2**32 - 2))
def test_sessions_never_share_an_order(epoch: int, n: int) -> None:
    assert (first_order(epoch) + n) >> EPOCH_SHIFT == epoch


@pytest.mark.parametrize("epoch", [0, -1, 2**31])
def test_an_epoch_has_bounds(epoch: int) -> None:
    with pytest.raises(UsageError, match="epoch must be 1 to 2147483647"):
        first_order(epoch)


def test_a_traders_mark_is_two_characters() -> None:
    with pytest.raises(UsageError, match=r"`trader.id` must be two of a-z and 0-9, was 'K'"):
        client_id("K", 1)
