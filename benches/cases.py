"""What is compared with what: each group of `make bench W=...`, its data and its pairs of Kedge and a rival."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from benches.environments import KEDGE_PYTHON, ROOT, BenchError, rival_python, run_quietly
from benches.expected import COUNTED, RULES, SHARED, W1, W1_SHA256, W1_WAKES, W2, W2_SHA256, W3, W3_SHA256, W4, Figures

DATA = ROOT / "benches" / "data"
WORKLOADS = ROOT / "benches" / "workloads"

PYTHON = "benches.kedge_python"

RUN, LOADING, PROCESS = ("cpu_s",), ("load_cpu_s", "cpu_s"), ("process_cpu_s",)
"""What a rate is made of: CPU seconds of the run, with the loading before it, of the process from its start to its end.
"""


@dataclass(frozen=True, slots=True)
class Rival:
    """A rival's script in the rival's environment; `environment` names the locked requirements as well."""

    environment: str
    module: str
    arguments: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Kedge:
    """Kedge's side: its bench program, or, with a module, a Python script in Kedge's own environment."""

    arguments: Sequence[str]
    module: str = ""


@dataclass(frozen=True, slots=True)
class Goal:
    """What is to be reached: at least a `ratio` or a `rate` (events per CPU second), or at most so many `seconds`."""

    ratio: float | None = None
    rate: float | None = None
    seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Case:
    """One line of the results: a workload in one variant, run by Kedge and by one rival on the same data.

    `shared` names the figures that both must agree on; `rules` says why one of them, or one expected figure, is another
    on the rival's side. A case timed as `PROCESS` is told in seconds, not in events per second.
    """

    workload: str
    variant: str
    rival: Rival
    kedge: Kedge
    expected: Figures = field(default_factory=dict)
    shared: Sequence[str] = SHARED
    rules: Mapping[str, str] = field(default_factory=dict)
    timed: Sequence[str] = RUN
    goal: Goal = Goal()


@dataclass(frozen=True, slots=True)
class Group:
    """The cases of one name on the command line; `prepare` makes their data where it is missing or old.

    The cases of one batch are measured in the same rounds: what several of them run, runs once a round. A group without
    cases measures something else than rates: see `benches.run`.
    """

    batches: Sequence[Sequence[Case]]
    prepare: Callable[[], None]

    @property
    def cases(self) -> list[Case]:
        return [case for batch in self.batches for case in batch]


def _l2(
    workload: str, variant: str, data: str, options: Sequence[str], expected: Figures, goal: Goal, timed: Any = RUN
) -> Case:
    """Both sides take the same arguments; hftbacktest keeps its books in flat arrays, its fastest form here."""
    arguments = (data, *options)
    rival = Rival("hftbacktest", "benches.rivals.hftbacktest_l2", arguments)
    return Case(workload, variant, rival, Kedge(arguments), expected, timed=timed, goal=goal)


def _w1_cases() -> list[Case]:
    cases = [_l2("w1_replay", "", "w1", ("--mode", "replay"), {"wakes": W1_WAKES}, Goal(ratio=7))]
    for variant, figures in W1.items():
        queue, _, kept = variant.partition(", ")
        options = ("--mode", "mm_keep" if kept else "mm", "--queue", queue)
        cases.append(_l2("w1_mm", variant, "w1", options, {"wakes": W1_WAKES, **figures}, Goal(ratio=6)))
        if variant == "power":
            # The same run where one book serves the venue and us, as Kedge does by itself where that is the same.
            one = Kedge((*cases[-1].kedge.arguments, "--views", "one"))
            cases.append(replace(cases[-1], variant="power, one book", kedge=one, goal=Goal(ratio=9)))
    return cases


def _cold_cases() -> list[Case]:
    """A fresh process up to what its first 50,000 rows give: hftbacktest's compiles its strategy."""
    options = ("w1_first", "--mode", "mm", "--queue", "power")
    rival = Rival("hftbacktest", "benches.rivals.hftbacktest_l2", (*options, "--cold"))
    sides = {"Rust": Kedge(options), "Python": Kedge(("w1_first",), PYTHON)}
    return [
        Case("w1_cold", variant, rival, kedge, {}, ("wakes", *COUNTED), timed=PROCESS, goal=Goal(seconds=0.5))
        for variant, kedge in sides.items()
    ]


def _nautilus(*arguments: str) -> Rival:
    return Rival("nautilus", "benches.rivals.nautilus_ema", arguments)


def _nautilus2(*arguments: str) -> Rival:
    return Rival("nautilus2", "benches.rivals.nautilus2_ema", arguments)


def _compiled(data: str, *options: str) -> dict[str, Kedge]:
    """Kedge's two compiled forms: a strategy in Rust, and a function that numba compiles."""
    return {"Rust": Kedge((data, *options)), "numba": Kedge((data, "--strategy", "numba"), PYTHON)}


def _w2_cases() -> list[Case]:
    ours = Kedge(("w2",), PYTHON)
    first, second = _nautilus("w2"), _nautilus2("w2")
    cython, rust = _nautilus("w2", "--averages", "cython"), _nautilus2("w2_quotes", "--strategy", "rust")

    def case(workload: str, variant: str, rival: Rival, kedge: Kedge, goal: float, **more: Any) -> Case:
        return Case(workload, variant, rival, kedge, W2, COUNTED, goal=Goal(rate=goal), **more)

    return [
        *(case("w2_python", "", rival, ours, 2.5e6) for rival in (first, second)),
        *(
            case("w2_compiled", variant, rival, kedge, 30e6, rules=RULES["built-in cross"] if rival is rust else {})
            for variant, kedge in _compiled("w2", "--mode", "cross_trades").items()
            for rival in (cython, rust)
        ),
        *(case("w2_loading", "", rival, ours, 2e6, timed=LOADING) for rival in (first, second)),
    ]


def _w3_cases() -> list[Case]:
    first, second = _nautilus("w3"), _nautilus2("w3")
    arrays = Rival("vectorbt", "benches.rivals.vectorbt_bars", ("w3",))
    sides = [("w3_python", "", Kedge(("w3",), PYTHON), 2e6)]
    sides += [("w3_compiled", *form, 30e6) for form in _compiled("w3", "--mode", "cross_bars").items()]
    return [
        Case(
            workload,
            variant,
            rival,
            kedge,
            W3,
            COUNTED,
            RULES["first cross"] if rival is arrays else {},
            goal=Goal(rate=goal),
        )
        for workload, variant, kedge, goal in sides
        for rival in (first, second, arrays)
    ]


def _w4_cases() -> list[Case]:
    options = ("w4", "--mode", "mm", "--queue", "power")
    script = "benches.rivals.hftbacktest_l2"
    njit, plain = (
        Rival("hftbacktest", script, options),
        Rival("hftbacktest", script, (*options, "--strategy", "python")),
    )
    makers = (
        Rival("nautilus", "benches.rivals.nautilus_l2", ("w4",)),
        Rival("nautilus2", "benches.rivals.nautilus2_l2", ("w4",)),
    )
    sides = [("w4_python", "", Kedge(("w4",), PYTHON), 8e6, {"against plain Python": plain, "against njit": njit})]
    sides += [("w4_compiled", *form, 20e6, {"against njit": njit}) for form in _compiled(*options).items()]
    cases = []
    for workload, form, kedge, rate, hftbacktest in sides:
        goal = Goal(rate=rate)
        for against, rival in hftbacktest.items():
            variant = ", ".join(filter(None, (form, against)))
            cases.append(Case(workload, variant, rival, kedge, W4, ("wakes", *COUNTED), goal=goal))
        for rival in makers:
            cases.append(Case(workload, form, rival, kedge, W4, COUNTED, RULES["no queue"], goal=goal))
    return cases


def _is_made(name: str, sha256: str, *sources: str) -> bool:
    """Whether `data/<name>.json` is newer than the sources that make it, and tells the right data."""
    made = DATA / f"{name}.json"
    changed = max((WORKLOADS / source).stat().st_mtime for source in (*sources, "columns.py"))
    return made.exists() and made.stat().st_mtime > changed and json.loads(made.read_text())["sha256"] == sha256


def _prepare_w1() -> None:
    if _is_made("w1", W1_SHA256, "w1.py"):
        return
    print("bench: generating W1", file=sys.stderr)
    run_quietly([rival_python("hftbacktest"), "-m", "benches.workloads.w1"])


def _prepare_w1_and_cuts() -> None:
    _prepare_w1()
    _prepare("w4", W1_SHA256, "w1.py", "w4.py")


def _prepare(name: str, sha256: str, *sources: str) -> None:
    """Makes a workload that Kedge's own environment can make."""
    require_kedge()
    if _is_made(name, sha256, *sources):
        return
    print(f"bench: generating {name.upper()}", file=sys.stderr)
    run_quietly([KEDGE_PYTHON, "-m", f"benches.workloads.{name}"])


def _prepare_w2() -> None:
    _prepare("w2", W2_SHA256, "w2.py")


def _prepare_w3() -> None:
    _prepare("w3", W3_SHA256, "w2.py", "w3.py")


RECORDED = {
    "BTC/USDT@binance": "raw_spot_btcusdt",
    "ETH/USDT@binance": "raw_spot_ethusdt",
    "BTC/USDT:USDT@binance": "raw_usdm_btcusdt",
}


def require_kedge() -> None:
    """Raises `BenchError` where Kedge's own environment is not there."""
    if not KEDGE_PYTHON.exists():
        raise BenchError("Kedge is not installed in .venv. Run make setup.")


def _prepare_raw() -> None:
    folder = Path(os.environ.get("KEDGE_TEST_DATA", ROOT.parent / "shared" / "data")) / "binance_raw"
    if not folder.is_dir():
        raise BenchError(f"the recordings are not at {folder}. Set KEDGE_TEST_DATA to the folder above binance_raw.")
    require_kedge()
    print("bench: decoding the recordings", file=sys.stderr)
    run_quietly([KEDGE_PYTHON, "-m", "benches.workloads.raw", folder])


GROUPS = {
    "w1": Group([*([case] for case in _w1_cases()), _cold_cases()], _prepare_w1_and_cuts),
    "raw": Group(
        [[_l2("raw_replay", name, data, ("--mode", "replay"), {}, Goal(ratio=5))] for name, data in RECORDED.items()],
        _prepare_raw,
    ),
    "w2": Group([_w2_cases()], _prepare_w2),
    "w3": Group([_w3_cases()], _prepare_w3),
    "w4": Group([_w4_cases()], _prepare_w1_and_cuts),
    "many": Group([], _prepare_w1_and_cuts),
    "stream": Group([], _prepare_w1),
    "tick": Group([], require_kedge),
}
