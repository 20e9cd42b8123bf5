"""The rate budget: learnt from headers, never over the limit, and nothing asked while the venue says to wait."""

import time

from hypothesis import given
from hypothesis import strategies as st

from kedge.venues.binance.budget import SHARES, Purpose, RateBudget

MINUTE = 60_000_000_000


class Clock:
    """A venue's time that stands until it is set."""

    now = 1_700_000_000_000_000_000 // MINUTE * MINUTE

    def __call__(self) -> int:
        return self.now


def test_headers_teach_and_a_new_minute_forgets() -> None:
    clock = Clock()
    budget = RateBudget(100, clock)
    assert budget.take("read", 10) == 0
    assert budget.used == 10
    budget.learn({"X-MBX-USED-WEIGHT-1M": "60", "x-mbx-used-weight": "99", "Date": "now"})
    assert budget.used == 60
    budget.learn({"X-MBX-USED-WEIGHT-1M": "20"})
    assert budget.used == 60, "an answer that was overtaken does not lower the count"
    for wrong in ("", "-5", "1e9", "٣", "9" * 30):
        budget.learn({"X-MBX-USED-WEIGHT-1M": wrong})
    assert budget.used == 60
    clock.now += 20_000_000_000
    assert 39 < budget.take("read", 30) <= 40
    clock.now += 40_000_000_000
    assert budget.take("read", 30) == 0


def test_each_purpose_stops_at_its_share_so_that_cancels_find_room() -> None:
    budget = RateBudget(1_000, Clock())
    order: list[Purpose] = ["snapshot", "read", "order", "cancel"]
    for purpose in order:
        while budget.take(purpose, 10) == 0:
            pass
        assert budget.used == SHARES[purpose] * 1_000 // 10 * 10
    assert "used up" in budget.why_blocked


def test_orders_are_counted_in_their_windows() -> None:
    clock = Clock()
    budget = RateBudget(1_000, clock)
    budget.learn_limits(
        [
            {"rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1, "limit": 500},
            {"rateLimitType": "ORDERS", "interval": "SECOND", "intervalNum": 10, "limit": 10},
            {"rateLimitType": "ORDERS", "interval": "DAY", "intervalNum": 1, "limit": "many"},
            {"rateLimitType": "RAW_REQUESTS", "interval": "MINUTE", "intervalNum": 5, "limit": 3},
            {"rateLimitType": "ORDERS", "interval": "EON", "intervalNum": 1, "limit": 3},
            7,
        ]
    )
    assert budget.limit == 500
    assert [budget.take("order", 1, True) for _ in range(9)] == [0] * 9
    assert 9 < budget.take("order", 1, True) <= 10
    assert budget.take("cancel", 1) == 0
    assert budget.orders == {10: (9, 10)}
    clock.now += 10_000_000_000
    budget.learn({"X-MBX-ORDER-COUNT-10S": "9"})
    assert budget.take("order", 1, True) > 0


def test_nothing_is_asked_while_the_venue_says_to_wait() -> None:
    budget = RateBudget(1_000, Clock())
    assert budget.banned_until == 0
    budget.block(0.05, orders_only=True)
    assert budget.take("order", 1) > 0
    assert budget.take("cancel", 1) == 0
    budget.block(30, banned=True)
    assert 29 < budget.take("cancel", 1) <= 30
    assert abs(budget.banned_until - time.time_ns() - 30e9) < 1e9
    assert "banned" in budget.why_blocked
    budget.block(1)
    assert budget.take("read", 0) > 25, "a shorter wait does not end a longer one"


@given(
    st.lists(
        st.tuples(st.sampled_from(list(SHARES)), st.integers(0, 100), st.booleans(), st.integers(0, 20)), max_size=60
    )
)
def test_the_limit_is_never_passed(asked: list[tuple[Purpose, int, bool, int]]) -> None:
    clock = Clock()
    budget = RateBudget(200, clock)
    budget.learn_limits([{"rateLimitType": "ORDERS", "interval": "SECOND", "intervalNum": 10, "limit": 5}])
    for purpose, weight, counted, later in asked:
        clock.now += later * 1_000_000_000
        wait = budget.take(purpose, weight, counted)
        assert budget.used <= 200
        assert all(used <= limit for used, limit in budget.orders.values())
        assert 0 <= wait <= 60


@given(st.recursive(st.none() | st.integers() | st.text(), lambda s: st.lists(s) | st.dictionaries(st.text(), s)))
def test_no_information_of_limits_breaks_it(limits: object) -> None:
    RateBudget(100, Clock()).learn_limits(limits)
