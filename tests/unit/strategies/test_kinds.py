"""One strategy as a Python class, compiled by numba and built in: the same orders at the same times, in one run too."""

from __future__ import annotations

import gc
import re
import sys
import weakref
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from kedge._core import built_in_strategies, compiled_record
from kedge.backtest import markets
from kedge.backtest.spec import Outcome, RunSpec, Seat, checked, execute
from kedge.feeds import recorded as recordings
from kedge.model.columns import SELL
from kedge.model.errors import StrategyError, UsageError
from kedge.model.instruments import SIMULATED
from kedge.strategies.source import StrategySource, read_source
from tests.unit.strategies.small_market import MS, SPOT, SmallMarket, quiet_market, run_source

ENGINE = {
    "seed": 3,
    "sample_ns": 10**9,
    "queue": "power",
    "queue_power": 2.0,
    "partial_fills": True,
    "feed_ns": None,
    "entry_ns": 5 * MS,
    "response_ns": 5 * MS,
    "balances": {"USDT": "10000", "BTC": "0.5"},
    "keep_records": True,
}

BUSY = """
from kedge import Strategy

class Busy(Strategy):
    def on_start(self, ctx):
        ctx.every("250ms")
        ctx.bars("500ms")
        self.fills = 0
        self.last = 0

    def on_trade(self, ctx, trade):
        if trade.side == "buy" and trade.size > 0.0001 and ctx.rng.random() < 0.2:
            self.last = ctx.buy(0.001, ctx.book.bid - ctx.rng.integer(0, 3) * ctx.tick, tif="post_only")
        elif ctx.rng.random() < 0.05:
            ctx.sell(0.002, ctx.book.ask + abs(ctx.rng.normal(0.0, 2.0)) * ctx.tick)

    def on_bar(self, ctx, bar):
        if bar.close > bar.open and bar.volume > 0 and bar.trades > 1:
            ctx.sell(0.001, tif="ioc")
        elif bar.low < bar.open and bar.buy_volume > 0:
            ctx.buy(0.001)

    def on_timer(self, ctx, timer):
        for order in ctx.orders:
            if order.state == "accepted" and order.price < ctx.book.bid - 1.0 and order.side == "buy":
                ctx.cancel(order.id)
            elif order.filled == 0 and order.size == 0.001 and order.price is not None and order.id != self.last:
                ctx.amend(order.id, order.price + ctx.tick)
        if len(ctx.orders) > 40 or ctx.rng.integer(0, 10) == 0:
            ctx.cancel_all()
        if ctx.rng.integer(0, 50) == 0:
            ctx.target(0.5)

    def on_fill(self, ctx, fill):
        self.fills += 1
        if self.fills % 7 == 0 and fill.liquidity == "maker" and fill.order_state == "filled":
            levels = ctx.book.levels("ask", 3)
            ctx.sell(fill.size, levels[2][0])

    def on_order(self, ctx, order):
        if order.state == "expired" and ctx.position < 0.6:
            ctx.buy(0.0015, ctx.book.bid, tif="fok")
"""

BUSY_COMPILED = """
from kedge import compiled

@compiled.strategy(
    subscribe=("trade", "fill", "order"), every="250ms", bars="500ms", state={"fills": int, "last": int}
)
def busy(ctx, state, params):
    if ctx.event == compiled.TRADE:
        if ctx.side == compiled.BUYER and ctx.size > 0.0001 and ctx.random() < 0.2:
            state.last = ctx.buy(0.001, ctx.bid - ctx.integer(0, 3) * ctx.tick, compiled.POST_ONLY)
        elif ctx.random() < 0.05:
            ctx.sell(0.002, ctx.ask + abs(ctx.normal(0.0, 2.0)) * ctx.tick)
    elif ctx.event == compiled.BAR:
        if ctx.price > ctx.open and ctx.size > 0 and ctx.trades > 1:
            ctx.sell(0.001, tif=compiled.IOC)
        elif ctx.low < ctx.open and ctx.buy_size > 0:
            ctx.buy(0.001)
    elif ctx.event == compiled.TIMER:
        timer(ctx, state)
    elif ctx.event == compiled.FILL:
        state.fills += 1
        if state.fills % 7 == 0 and ctx.maker == 1 and ctx.order_state == compiled.FILLED:
            ctx.sell(ctx.size, ctx.ask_prices[2])
    elif ctx.order_state == compiled.EXPIRED and ctx.position < 0.6:
        ctx.buy(0.0015, ctx.bid, compiled.FOK)

def timer(ctx, state):
    for at in range(ctx.open_orders):
        price, order = ctx.order_prices[at], ctx.order_ids[at]
        accepted = ctx.order_states[at] == compiled.ACCEPTED
        if accepted and price < ctx.bid - 1.0 and ctx.order_sides[at] == compiled.BUYER:
            ctx.cancel(order)
        elif ctx.order_filled[at] == 0 and ctx.order_sizes[at] == 0.001 and price == price and order != state.last:
            ctx.amend(order, price + ctx.tick)
    if ctx.open_orders > 40 or ctx.integer(0, 10) == 0:
        ctx.cancel_all()
    if ctx.integer(0, 50) == 0:
        ctx.target(0.5)
"""


def seat(name: str, text: str, *, own: bool = True, seed: int = 5, **params: float) -> Seat:
    """A seat of a source's text, of an example's file or of a built-in strategy."""
    named = text.endswith(".py") or text.startswith("rust:")
    source = read_source(text) if named else StrategySource(f"{name}.py", text)
    return Seat(name, source, 0, params, {"short": True}, own, seed)


def run(seats: list[Seat], market: markets.Market, *, step: bool = False, alone: bool = False) -> Outcome:
    definitions = [dict(stream.instrument) for stream in market.streams]
    spec = checked(RunSpec(ENGINE, definitions, seats, market.as_json(), 5.0, alone))
    return execute(spec, [stream.blocks for stream in market.streams], step=step)


def trades(outcome: Outcome, at: int = 0) -> list[tuple[Any, ...]]:
    """Every order and fill of one strategy, without ids, which count over all strategies."""
    told = []
    for table, columns in (
        ("orders", ("side", "kind", "time_in_force", "state", "reason", "created", "updated")),
        ("fills", ("ts", "ts_recv", "side", "liquidity")),
    ):
        found = outcome.tables[table]
        rows = list(zip(*(list(found[column]) for column in columns), strict=True))
        amounts = [found[name] for name in (("price", "quantity", "filled") if table == "orders" else ("price", "fee"))]
        whole = [row + tuple(a[16 * i : 16 * i + 16] for a in amounts) for i, row in enumerate(rows)]
        told += [row for row, strategy in zip(whole, found["strategy"], strict=True) if strategy == at]
    return told


@pytest.fixture(scope="module")
def seeded() -> markets.Market:
    return markets.seeded_market(None, 60 * 10**9, 7, None)


@pytest.fixture(scope="module")
def real(recorded: Path) -> markets.Market:
    stream = recordings.read([recorded / "spot_btcusdt_20240808.gz"])[0]
    return markets.Market([stream], None)


@pytest.fixture(params=["seeded", "real"])
def market(request: pytest.FixtureRequest) -> markets.Market:
    found: markets.Market = request.getfixturevalue(request.param)
    return found


FORMS = {
    "quoting": ("examples/quoting.py", "examples/compiled_quoting.py", "rust:quoting"),
    "ema_cross": ("examples/ema_cross.py", "rust:ema_cross"),
    "busy": (BUSY, BUSY_COMPILED),
}


@pytest.mark.parametrize("strategy", FORMS)
def test_every_form_of_a_strategy_decides_the_same(strategy, market, repository, monkeypatch):
    monkeypatch.chdir(repository)
    outcomes = [run([seat(strategy.replace("_", "-"), form)], market) for form in FORMS[strategy]]
    assert len(trades(outcomes[0])) > (1 if strategy == "ema_cross" else 100)
    assert {outcome.tables["trace_hash"] for outcome in outcomes} == {outcomes[0].tables["trace_hash"]}
    by_step = run([seat(strategy.replace("_", "-"), FORMS[strategy][-1])], market, step=True)
    assert by_step.tables["trace_hash"] == outcomes[0].tables["trace_hash"]


def test_all_kinds_run_together_and_each_trades_as_alone(seeded, repository, monkeypatch):
    monkeypatch.chdir(repository)
    forms = [form for forms in FORMS.values() for form in forms]
    together = run([seat(f"s{at}", form) for at, form in enumerate(forms)], seeded)
    for at, form in enumerate(forms):
        assert trades(together, at) == trades(run([seat("alone", form)], seeded)), form


def test_one_of_many_trades_as_alone_and_one_that_raises_stops_alone(seeded):
    raising = BUSY.replace("self.fills += 1", "self.fills += 1\n        assert self.fills < 5")
    many = [seat(f"busy-{at}", raising if at == 20 else BUSY, seed=at) for at in range(50)]
    together = run(many, seeded, alone=True)
    for at in (0, 19, 21, 49):
        assert trades(together, at) == trades(run([seat("alone", BUSY, seed=at)], seeded)), at
    assert trades(together, 0) != trades(together, 49)
    assert set(together.stopped) == {"busy-20"}
    assert together.stopped["busy-20"]["why"].startswith("busy-20.py, line 36, in on_fill: AssertionError")
    fills = [row for row in trades(together, 20) if len(row) == 6]
    assert len([row for row in fills if row[1] <= max(r[1] for r in fills)]) >= 5


def test_a_run_fails_when_its_last_strategy_raises(seeded):
    source = "from kedge import Strategy\nclass S(Strategy):\n    def on_trade(self, ctx, trade): 1 / 0\n"
    with pytest.raises(StrategyError, match=r"b: b\.py, line 3, in on_trade: ZeroDivisionError"):
        run([seat("a", source), seat("b", source)], seeded, alone=True)


def test_one_that_never_returns_fails_the_run_by_name():
    calm = "from kedge import Strategy\nclass S(Strategy):\n    def on_trade(self, ctx, trade):\n        pass\n"
    text = calm.replace("pass", "while True: pass")
    market = quiet_market().columns()
    spec = RunSpec(ENGINE, [SPOT], [seat("calm", calm), seat("endless", text)], {}, 0.2, True)
    with pytest.raises(StrategyError, match=r"endless: endless\.py, line 4, .* longer than the 0\.2 s"):
        execute(spec, [[market]])


KEEPER = """
from kedge import Strategy

class Keeper(Strategy):
    def on_start(self, ctx):
        self.kept = []
        self.count = 0
        ctx.bars("500ms")

    def on_trade(self, ctx, trade):
        self.count += 1
        if self.count % 3:
            self.kept.append((trade, trade.price, trade.size, trade.side, trade.time))

    def on_bar(self, ctx, bar):
        self.kept.append((bar, bar.start, bar.end, bar.open, bar.close, bar.volume))
"""


def test_what_a_strategy_was_told_never_changes_where_it_kept_it():
    market = SmallMarket().snapshot(0, [(6_000_000, 10**8)], [(6_000_010, 10**8)])
    for at in range(30):
        market.trade(100 + 70 * at, SELL if at % 3 else 0, 6_000_000 + at, 100 + at)
    kept = run_source(KEEPER, market).strategies[0].kept
    seen = [
        (t, t.price, t.size, t.side, t.time) if len(row) == 5 else (t, t.start, t.end, t.open, t.close, t.volume)
        for row in kept
        for t in row[:1]
    ]
    assert kept == seen
    assert len({id(row[0]) for row in kept}) == len(kept) > 20


COMPILED = """
from kedge import compiled, param

@compiled.strategy(subscribe="trade", state={{"seen": int, "window": (float, 4)}}, size=param(0.01), many=param(3))
def small(ctx, state, params):
    {}
"""


def compiled(line: str, **params: float) -> Outcome:
    return run_source(COMPILED.format(line), params=params)


LOOKING = """
from kedge import compiled

@compiled.strategy(subscribe="trade", bars="500ms", state={{"orders": int, {}}})
def looking(ctx, state, params):
    if state.orders == 0:
        state.orders += 1
        ctx.buy(0.01)
    if ctx.event == compiled.BAR:
        {}
"""


def test_a_field_that_is_read_alone_is_the_same_as_among_others(seeded):
    def sums(*names: str) -> dict[str, float]:
        memory = ", ".join(f'"of_{name}": float' for name in names)
        body = "; ".join(f"state.of_{name} += ctx.{name}" for name in names)
        strategy = run([seat("looking", LOOKING.format(memory, body))], seeded).strategies[0]
        return {name: float(strategy.state[f"of_{name}"]) for name in names}

    together = sums("open", "high", "low", "size", "buy_size", "position", "last", "in_sync")
    assert min(together.values()) > 0
    for name, value in together.items():
        assert sums(name) == {name: value}


def test_memory_and_parameters_are_records():
    line = "state.window[state.seen % 4] = ctx.price * params.size; state.seen += params.many"
    outcome = compiled(line, size=0.02, many=5)
    (strategy,) = outcome.strategies
    assert strategy.state["seen"] == 100
    assert sorted(strategy.state["window"]) == pytest.approx([1200.0, 1200.0, 1200.002, 1200.002])
    saved = strategy.save()
    strategy.state["seen"] = 0
    strategy.load(saved)
    assert strategy.state["seen"] == 100


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("ctx.buy(0.0)", "small: size must be at least one lot (0.00001), was 0"),
        ("ctx.buy(0.01, 1e300)", "price must be a finite number"),
        ("ctx.target(ctx.price / 0.0 * 0)", "ZeroDivisionError: division by zero"),
        ("ctx.buy(0.01, tif=compiled.POST_ONLY)", "tif must be GTC, IOC, FOK or (limit orders) POST_ONLY, was 3"),
        ("ctx.integer(3, 3)", "ValueError: high must be above low"),
        ("for _ in range(65): ctx.cancel_all()", "at most 64 wishes in one wake-up, made 65"),
        (
            "state.seen = ctx.prise",
            "in small: numba cannot compile it: NameError: a record has no field or method 'prise'",
        ),
        ("state.seen = unknown", "in small: numba cannot compile it: NameError: name 'unknown' is not defined"),
    ],
)
def test_what_a_compiled_function_does_wrong_is_told(line, told):
    with pytest.raises(StrategyError) as raised:
        compiled(line)
    assert told in raised.value.message
    assert raised.value.hint


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ('subscribe="trades"', "`subscribe` must name wake-ups, was `trades`"),
        ("", "must subscribe to something"),
        ('subscribe="trade", size=0.01', "parameter `size` must be made with kedge.param"),
        ('subscribe="trade", state={"name": str}', "`state.name` must be int, float"),
        ('every="1 parsec"', "parsec"),
    ],
)
def test_a_declaration_that_does_not_fit_is_refused(arguments, told):
    text = f"from kedge import compiled\n@compiled.strategy({arguments})\ndef f(ctx, state, params):\n    pass\n"
    with pytest.raises((UsageError, StrategyError), match=told):
        run_source(text)


def test_without_numba_it_says_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "numba", None)
    with pytest.raises(UsageError) as raised:
        compiled("pass")
    assert "numba is not installed" in raised.value.message
    assert 'pip install "kedge[fast]"' in raised.value.hint


def test_a_compiled_strategy_goes_when_its_run_does():
    strategy = compiled("pass").strategies[0]
    gone = weakref.ref(strategy)
    del strategy
    gc.collect()
    assert gone() is None


@pytest.mark.parametrize(
    ("name", "params", "told"),
    [
        ("rust:quotin", {}, "no strategy `rust:quotin` is built in"),
        ("rust:quoting", {"size": 0}, "parameter `quoting.size` must be ≥ 0.001"),
        ("rust:quoting", {"sise": 1}, "quoting has no parameter `sise`"),
        ("rust:ema_cross", {"fast": 2.5}, "parameter `ema_cross.fast` must be a whole number"),
    ],
)
def test_a_built_in_strategy_that_cannot_be_is_refused(name, params, told, seeded):
    with pytest.raises(UsageError) as raised:
        run([seat("x", name, **params)], seeded)
    assert told in raised.value.message


def test_the_documents_name_every_field_and_every_built_in_strategy(repository):
    text = (repository / "docs" / "strategies.md").read_text()
    inner = {"done", "random_key", "random_index"}
    for name, _, _ in compiled_record()["fields"]:
        assert f"`{name}`" in text or name.startswith("wish") or name in inner, name
    for built_in in built_in_strategies():
        assert f"`rust:{built_in['name']}`" in text, built_in["name"]


def test_the_compiled_function_that_the_documents_show_trades(repository, seeded):
    text = (repository / "docs" / "strategies.md").read_text()
    (shown,) = [block for block in re.findall(r"```python\n(.*?)```", text, re.DOTALL) if "@compiled" in block]
    outcome = run([seat("lean", shown)], seeded)
    assert len(trades(outcome)) > 2
    assert outcome.strategies[0].state["fills"] == len(outcome.tables["fills"]["ts"])


def test_a_strategy_of_several_instruments_hedges_and_sees_its_portfolio(repository):
    text = (repository / "docs" / "strategies.md").read_text()
    (shown,) = [block for block in re.findall(r"```python\n(.*?)```", text, re.DOTALL) if "class Hedge" in block]
    shown += """
    def on_stop(self, ctx):
        portfolio = ctx.portfolio
        self.seen = (portfolio.equity, portfolio.cash, portfolio.positions, portfolio.exposure, portfolio.net_exposure)
        self.held = {each: ctx.on(each).position for each in ctx.instruments}
        self.pnl = sum(ctx.on(each).pnl for each in ctx.instruments)
"""
    both = markets.Market([markets.seeded_stream(each, 60 * 10**9, 7) for each in SIMULATED.all[:2]], None)
    first = seat("hedge", shown)
    outcomes = [
        run([first, replace(first, name="leg", instrument=1, leg=True)], both, step=step) for step in (False, True)
    ]
    assert outcomes[0].tables["trace_hash"] == outcomes[1].tables["trace_hash"]
    strategy = outcomes[0].strategies[0]
    assert outcomes[0].strategies[1] is strategy
    equity, cash, positions, exposure, net = strategy.seen
    spot, perpetual = (positions[instrument.id] for instrument in SIMULATED.all[:2])
    assert positions == strategy.held
    assert (spot > 0.01, perpetual) == (True, pytest.approx(-spot, rel=0.01))
    assert cash["BTC"] == pytest.approx(0.5 + spot)
    price = (exposure - abs(net)) / (2 * min(spot, -perpetual))
    assert 1_000 < price < 1_000_000
    assert equity == pytest.approx(10_000 + 0.5 * price + strategy.pnl, rel=0.001)
    sides = [
        (side, at) for side, at in zip(*(outcomes[0].tables["fills"][k] for k in ("side", "instrument")), strict=True)
    ]
    assert set(sides) == {("buy", 0), ("sell", 1)}


def test_what_is_no_instrument_of_the_strategy_is_refused():
    source = "from kedge import Strategy\nclass S(Strategy):\n    def on_start(self, ctx): ctx.on('ETH/USDT@binance')\n"
    with pytest.raises(StrategyError, match="does not trade `ETH/USDT@binance`") as raised:
        run_source(source)
    assert raised.value.hint == "it trades BTC/USDT@binance"


def test_a_parameter_over_its_bound_is_refused_by_the_engine_too(seeded):
    made = replace(seat("x", "rust:quoting"), params={})
    outcome = run([made], seeded)
    assert outcome.strategies[0].__built_in__ == ("quoting", [1.0, 0.01, 0.5])
