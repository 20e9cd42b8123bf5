import json
from decimal import Decimal
from pathlib import Path

import pytest

from kedge.model.errors import UsageError
from kedge.model.latency import LegModel
from kedge.model.settings import SECTIONS, Limits, Settings, StrategySettings, load_settings, setting_value
from kedge.model.settings_errors import line_of

STRATEGY = """
[[strategy]]
name = "quoting-btc"
file = "examples/quoting.py"
instrument = "BTC/USDT@binance"
"""


def load(tmp_path: Path, text: str, **environ: str) -> Settings:
    path = tmp_path / "kedge.toml"
    path.write_text(text, encoding="utf-8")
    return load_settings(path, environ)


def refusal(tmp_path: Path, text: str, **environ: str) -> UsageError:
    with pytest.raises(UsageError) as error:
        load(tmp_path, text, **environ)
    assert error.value.exit_code == 2
    return error.value


def test_an_empty_file_gives_the_defaults(tmp_path: Path) -> None:
    settings = load(tmp_path, "")
    assert settings == Settings()
    assert settings.account.balances == {"USDT": Decimal(10_000)}
    assert settings.backtest.queue == "risk_averse"
    assert settings.latency.feed == "recorded"
    assert settings.risk.stale_after == 5_000_000_000
    assert settings.strategy == ()


def test_every_section_is_read(tmp_path: Path) -> None:
    settings = load(
        tmp_path,
        """
        [account]
        balances = { USDT = "2500.50", BTC = 0.1 }
        [backtest]
        queue = "power"
        queue_power = 3
        partial_fills = false
        [latency]
        feed = "20ms"
        entry = "250us"
        [risk]
        order_size = 0.1
        price_band = "0.05"
        orders_per_second = 20
        daily_loss = 0.02
        [execution]
        target = "market"
        """
        + STRATEGY
        + 'params = { half_spread = 1.0, levels = 3, mode = "fast", post = true }\n'
        + 'limits = { order_notional = 1_000, stale_after = "1s" }\n',
    )
    # A tenth is a tenth: the text of the file never became a float.
    assert settings.account.balances == {"USDT": Decimal("2500.50"), "BTC": Decimal("0.1")}
    assert settings.risk.order_size == Decimal("0.1")
    assert settings.risk.price_band == Decimal("0.05")
    assert (settings.backtest.queue_power, settings.backtest.partial_fills) == (3.0, False)
    assert (settings.latency.feed, settings.latency.entry, settings.latency.response) == (
        20_000_000,
        250_000,
        50_000_000,
    )
    (strategy,) = settings.strategy
    assert strategy.params == {"half_spread": 1.0, "levels": 3, "mode": "fast", "post": True}
    assert [type(value) for value in strategy.params.values()] == [float, int, str, bool]
    assert strategy.limits == Limits.model_validate({"order_notional": 1_000, "stale_after": "1s"})


MODELS = """
[latency]
feed = { median = "5ms", sigma = 0.5, spike_every = 100, spike = "1s" }
entry = { venue = "own", times = 2 }
[latency.venues.okx]
entry = { quantiles = "q.csv" }
response = "3ms"
"""


def test_a_leg_is_a_duration_or_one_model(tmp_path: Path) -> None:
    latency = load(tmp_path, MODELS).latency
    assert latency.feed == LegModel(median="5ms", sigma=0.5, spike_every=100, spike="1s")
    assert (latency.entry, latency.response) == (LegModel(venue="own", times=2.0), 50_000_000)
    okx = latency.venues["okx"]
    assert (okx.feed, okx.entry, okx.response) == (None, LegModel(quantiles="q.csv"), 3_000_000)
    document = load(tmp_path, MODELS).model_dump(mode="json")
    assert Settings.model_validate(document) == load(tmp_path, MODELS)


def test_settings_survive_json(tmp_path: Path) -> None:
    settings = load(
        tmp_path,
        '[account]\nbalances = { USDT = 1e4 }\n[latency]\nfeed = "20ms"\n[risk]\nposition = 0.5\n'
        + STRATEGY
        + "params = { half_spread = 1.5 }",
    )
    document = settings.model_dump(mode="json")
    assert document["account"]["balances"] == {"USDT": "10000"}
    assert document["latency"] == {"feed": "20ms", "entry": "50ms", "response": "50ms", "venues": {}}
    assert document["risk"]["position"] == "0.5"
    assert Settings.model_validate(json.loads(json.dumps(document))) == settings


REFUSED = [
    ("[risk]\n\norder_size = -0.1", 3, "`risk.order_size` must be > 0, was -0.1"),
    ("[risk]\norder_size = 0", 2, "`risk.order_size` must be > 0, was 0"),
    ("[risk]\norder_size = true", 2, "must be a number, was true"),
    ("[risk]\norder_size = nan", 2, "must be a finite number"),
    ("[risk]\norder_size = inf", 2, "must be a finite number"),
    ('[risk]\norder_size = "a lot"', 2, "must be a number, was 'a lot'"),
    ("[risk]\norder_size = 1e16", 2, "must be ≤ 1000000000000000"),
    ("[risk]\norder_size = 1e-17", 2, "at most 16 decimal places"),
    ("[risk]\nprice_band = 1.5", 2, "must be ≤ 1, was 1.5"),
    ("[risk]\ndaily_loss = 2", 2, "must be ≤ 1, was 2"),
    ("[risk]\norders_per_second = 0", 2, "must be ≥ 1, was 0"),
    ("[risk]\norders_per_second = 1.5", 2, "must be a whole number, was 1.5"),
    ("[risk]\nstale_after = 5", 2, "must be a number ≥ 0 with a unit"),
    (
        '[backtest]\nqueue = "fifo"',
        2,
        "'power_not_ahead', 'log' or 'log_of_both', was 'fifo'",
    ),
    ("[backtest]\nqueue_power = inf", 2, "must be a finite number"),
    ("[backtest]\nqueue_power = nan", 2, "must be a finite number"),
    ("[backtest]\nqueue_power = 0.0", 2, "`backtest.queue_power` must be > 0, was 0.0"),
    ("[backtest]\nqueue_power = -1", 2, "must be > 0, was -1"),
    ("[backtest]\npartial_fills = 1", 2, "must be true or false, was 1"),
    ('[backtest]\nfills = "none"', 2, "`backtest.fills` must be 'whole', 'partial' or 'through', was 'none'"),
    ("[latency]\nentry = {}", 2, "must name one of venue, median, samples, quantiles and feed"),
    ('[latency]\nentry = { median = "5ms", feed = true }', 2, "must name one of venue"),
    ('[latency]\nentry = { median = "5" }', 2, "must be a number ≥ 0 with a unit"),
    ('[latency]\nentry = { venue = "mtgox" }', 2, "must be 'own', 'binance'"),
    ('[latency.venues.okx]\nentry = "fast"', 2, "or be a table that names a model, was 'fast'"),
    ("[backtest]\nsample_seconds = 0", 2, "must be ≥ 1, was 0"),
    ('[backtest]\nout = ""', 2, "must not be empty"),
    ('[latency]\nfeed = "slow"', 2, '`latency.feed` must be "recorded" or a duration'),
    ('[latency]\nentry = "-1ms"', 2, "`latency.entry` must be a number ≥ 0"),
    ('[execution]\ntarget = "magic"', 2, "must be 'market', was 'magic'"),
    ("[account]\nbalances = { USDT = -1 }", 2, "`account.balances.USDT` must be ≥ 0, was -1"),
    ("[account]\nbalances = { usdt = 1 }", 2, "must have currencies such as USDT as keys"),
    ("[account]\nbalances = 5", 2, "must be a table, was 5"),
    ("risk = 5", 1, "`risk` must be a table, was 5"),
    ("strategy = 4", 1, "must be a list of tables"),
    (STRATEGY.replace("BTC/USDT@binance", "BTCUSDT"), 5, "must be an instrument id such as BTC/USDT@binance"),
    (STRATEGY.replace("quoting-btc", "no spaces"), 3, "`strategy[0].name` must be letters"),
    (STRATEGY.replace("instrument", "# instrument"), 2, "`strategy[0].instrument` is missing"),
    (STRATEGY + "params = { levels = [1, 2] }", 6, "`strategy[0].params.levels` must be a finite number"),
    (STRATEGY + "params = { levels = inf }", 6, "`strategy[0].params.levels` must be a finite number"),
    (STRATEGY + "[strategy.limits]\nposition = -1", 7, "`strategy[0].limits.position` must be > 0, was -1"),
]


@pytest.mark.parametrize(("text", "line", "rule"), REFUSED)
def test_a_wrong_value_is_refused_with_line_key_value_and_bound(
    tmp_path: Path, text: str, line: int, rule: str
) -> None:
    error = refusal(tmp_path, text)
    assert error.message.startswith(f"{tmp_path / 'kedge.toml'}:{line}: ")
    assert rule in error.message
    assert error.hint


@pytest.mark.parametrize(
    ("text", "key", "hint"),
    [
        ("[risk]\norder_sise = 5", "`risk.order_sise`", "did you mean `order_size`?"),
        ("[rsk]\norder_size = 5", "`rsk`", "did you mean `risk`?"),
        (STRATEGY + "limits = { posision = 4 }", "`strategy[0].limits.posision`", "did you mean `position`?"),
        ("[risk]\nzzz = 5", "`risk.zzz`", "known here: order_size"),
    ],
)
def test_an_unknown_key_is_refused_with_the_nearest(tmp_path: Path, text: str, key: str, hint: str) -> None:
    error = refusal(tmp_path, text)
    assert f"{key} is not a setting" in error.message
    assert hint in error.hint


def test_two_strategies_of_one_name_are_refused(tmp_path: Path) -> None:
    assert "'quoting-btc' twice" in refusal(tmp_path, STRATEGY + STRATEGY).message


def test_what_is_no_toml_is_refused_with_its_line(tmp_path: Path) -> None:
    assert "line 2" in refusal(tmp_path, "[risk]\norder_size 5\n").message


def test_a_file_that_is_not_there_or_not_text_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"absent\.toml is not there"):
        load_settings(tmp_path / "absent.toml", {})
    with pytest.raises(UsageError, match="cannot be read"):
        load_settings(tmp_path, {})
    (tmp_path / "kedge.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(UsageError, match="cannot be read"):
        load_settings(tmp_path / "kedge.toml", {})


def test_the_environment_goes_over_the_file(tmp_path: Path) -> None:
    settings = load(
        tmp_path,
        "[risk]\norder_size = 5\nposition = 9\n",
        KEDGE_RISK_ORDER_SIZE="0.5",
        KEDGE_BACKTEST_QUEUE="power",
        KEDGE_BACKTEST_PARTIAL_FILLS="false",
        KEDGE_LATENCY_ENTRY="1ms",
        KEDGE_ACCOUNT_BALANCES='{ BTC = "1.5" }',
        KEDGE_TEST_DATA="elsewhere",
        PATH="/bin",
    )
    assert (settings.risk.order_size, settings.risk.position) == (Decimal("0.5"), Decimal(9))
    assert (settings.backtest.queue, settings.backtest.partial_fills) == ("power", False)
    assert settings.latency.entry == 1_000_000
    assert settings.account.balances == {"BTC": Decimal("1.5")}


def test_an_error_from_the_environment_names_the_variable(tmp_path: Path) -> None:
    error = refusal(tmp_path, "[risk]\norder_size = 5\n", KEDGE_RISK_ORDER_SIZE="-1")
    assert error.message == "environment variable KEDGE_RISK_ORDER_SIZE: `risk.order_size` must be > 0, was -1"
    unknown = refusal(tmp_path, "", KEDGE_RISK_ORDER_SISE="1")
    assert unknown.message == "environment variable KEDGE_RISK_ORDER_SISE is not a setting"
    assert unknown.hint == "did you mean KEDGE_RISK_ORDER_SIZE?"


def test_without_a_path_the_file_here_is_read_if_there_is_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert load_settings(None, {}) == Settings()
    (tmp_path / "kedge.toml").write_text("[risk]\nposition = 3\n")
    assert load_settings(None, {}).risk.position == 3


def test_a_value_cannot_smuggle_in_a_second_setting() -> None:
    assert setting_value("5\nother = 6") == "5\nother = 6"
    assert setting_value("0.1") == Decimal("0.1")
    assert setting_value("runs/here") == "runs/here"


def test_lines_are_found_below_their_own_table() -> None:
    text = "a.b = 1\n[x]\nkey = 1\n[[s]]\nkey = 2\n[[s]]\nother = 1\n[s.inner]\nkey = 4\n"
    assert line_of(text, ("a", "b")) == 1
    assert line_of(text, ("x", "key")) == 3
    assert line_of(text, ("s", 0, "key")) == 5
    assert line_of(text, ("s", 1, "inner", "key")) == 9
    assert line_of(text, ("s", 1, "absent")) == 6
    assert line_of(text, ("y",)) is None


def test_every_setting_has_a_description_and_an_example_that_is_accepted(tmp_path: Path) -> None:
    for name, section in SECTIONS.items():
        for key, field in section.model_fields.items():
            assert field.description, f"{name}.{key}"
            assert field.examples, f"{name}.{key}"
            for example in field.examples:
                load(tmp_path, f"[{name}]\n{key} = {example}\n")
    for key, field in Limits.model_fields.items():
        load(tmp_path, STRATEGY + f"limits = {{ {key} = {field.examples[0]} }}")  # type: ignore[index]
    for key, field in StrategySettings.model_fields.items():
        kept = [line for line in STRATEGY.splitlines() if not line.startswith(key)]
        load(tmp_path, "\n".join([*kept, f"{key} = {field.examples[0]}"]))  # type: ignore[index]


def test_settings_are_frozen() -> None:
    with pytest.raises(ValueError, match="frozen"):
        Settings().risk.position = Decimal(1)  # type: ignore[misc]
