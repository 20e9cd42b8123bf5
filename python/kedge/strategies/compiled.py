"""Compiled strategies: a plain function, compiled by numba and called through its pointer; `kedge.compiled` to users.

The function gets three records: `ctx` (what happened, how things stand, and methods that ask for orders), `state` (its
own memory) and `params`. docs/strategies.md lists their fields. numba comes with `pip install "kedge[fast]"`.
"""

from __future__ import annotations

import re
import sys
import types
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from typing import Any, ClassVar

import numpy as np

from kedge._core import callback_count, compiled_record
from kedge.model.durations import parse_duration
from kedge.model.errors import StrategyError, UsageError
from kedge.strategies.compiled_methods import NONE as NONE
from kedge.strategies.compiled_methods import give_methods
from kedge.strategies.strategy import Param, Strategy, declared

START, BOOK, TRADE, QUOTE, BAR, FUNDING, TIMER, FILL, ORDER, STOP = range(10)
"""What happened, in `ctx.event`."""
BUYER, SELLER = 1, -1
"""Whose side, in `ctx.side` and `ctx.order_sides`."""
GTC, IOC, FOK, POST_ONLY = range(4)
"""Time in force of `ctx.buy` and `ctx.sell`."""
SUBMITTED, ACCEPTED, PARTIALLY_FILLED, FILLED, CANCELED, REJECTED, EXPIRED = range(1, 8)
"""State of an order, in `ctx.order_state` and `ctx.order_states`."""
_FIELD_TYPES = {float: "<f8", int: "<i8"}
_RECORD = compiled_record()
_CONTEXT = np.dtype(
    {
        "names": [field[0] for field in _RECORD["fields"]],
        "formats": [field[1] for field in _RECORD["fields"]],
        "offsets": [field[2] for field in _RECORD["fields"]],
        "itemsize": _RECORD["size"],
    }
)
_raised: list[BaseException] = []


def strategy(
    *,
    subscribe: str | Sequence[str] = (),
    every: str | Sequence[str] = (),
    bars: str | Sequence[str] = (),
    state: Mapping[str, Any] | np.dtype[Any] | None = None,
    **params: Any,
) -> Callable[[Callable[..., None]], type[Strategy]]:
    """Makes a strategy of `function(ctx, state, params)`.

    `subscribe` names what wakes it: start, book, trade, quote, bar, funding, timer, fill, order, stop. `every` and
    `bars` set timers and bars by their intervals ("100ms") and subscribe to them. `state` gives the fields of its
    memory, which begins with zeros: `{"seen": int, "average": float, "window": (float, 20)}` or a structured dtype.
    Other keywords are parameters made with `kedge.param`. Raises `UsageError` naming what does not fit.
    """
    woken = _texts(subscribe)
    for name in woken:
        if name not in _RECORD["wakes"]:
            raise UsageError(f"`subscribe` must name wake-ups, was `{name}`", f"they are {', '.join(_RECORD['wakes'])}")
    for name, value in params.items():
        if not isinstance(value, Param):
            raise UsageError(f"parameter `{name}` must be made with kedge.param, was {value!r}", "param(10, low=2)")
    timers, series = (tuple(parse_duration(text) for text in _texts(given)) for given in (every, bars))
    woken |= ({"timer"} if timers else set()) | ({"bar"} if series else set())
    if not woken:
        raise UsageError("a compiled strategy must subscribe to something", 'subscribe=("trade",) or every="100ms"')

    def made(function: Callable[..., None]) -> type[Strategy]:
        body = {
            "__doc__": function.__doc__,
            "__module__": function.__module__,
            "_function": staticmethod(function),
            "_subscribe": sorted(woken),
            "_every": timers,
            "_bars": series,
            "_state_type": _state_type(state),
            "_entry": None,
            **params,
        }
        return type(function.__name__, (CompiledStrategy,), body)

    return made


class CompiledStrategy(Strategy):
    """A strategy whose callbacks are one compiled function. Made by `strategy`."""

    _function: ClassVar[Callable[..., None]]
    _subscribe: ClassVar[list[str]]
    _every: ClassVar[tuple[int, ...]]
    _bars: ClassVar[tuple[int, ...]]
    _state_type: ClassVar[np.dtype[Any]]
    _entry: ClassVar[Any]

    def __init__(self) -> None:
        self._state = np.zeros(1, self._state_type)

    @property
    def state(self) -> Any:
        """The function's memory as a NumPy record."""
        return self._state[0]

    @property
    def __compiled__(self) -> dict[str, Any]:
        """What the engine needs. Compiles the function the first time, which takes a second or two.

        Raises `UsageError` if numba is not installed, `StrategyError` if it cannot compile the function.
        """
        cls = type(self)
        params = _params(self)
        if cls._entry is None:
            cls._entry = _compile(cls._function, params.dtype, self._state_type)
        return {
            "name": cls.__name__,
            "entry": cls._entry.address,
            "state": self._state.view(np.uint8),
            "params": params.view(np.uint8),
            "subscribe": cls._subscribe,
            "every": cls._every,
            "bars": cls._bars,
            "reads": sorted(_reads(cls._function)),
        }

    def __raised__(self) -> StrategyError:
        """What the function raised last, as a user should read it."""
        error = _raised.pop() if _raised else None
        code = type(self)._function.__code__
        told = f"{type(error).__name__}: {error}" if error is not None else "it raised"
        place = f"{code.co_filename}, line {code.co_firstlineno}, in {code.co_name}"
        return StrategyError(f"{place}: {told}", "the line is not known in compiled code: run the body in Python")

    def save(self) -> bytes:
        """Its memory, as it lies."""
        return self._state.tobytes()

    def load(self, state: bytes) -> None:
        """Takes its memory back. Raises `ValueError` if it is another one's."""
        self._state[:] = np.frombuffer(state, self._state_type)


def _texts(given: str | Sequence[str]) -> set[str]:
    return {given} if isinstance(given, str) else set(given)


def _state_type(state: Mapping[str, Any] | np.dtype[Any] | None) -> np.dtype[Any]:
    if isinstance(state, np.dtype):
        return state
    fields: list[Any] = []
    for name, kind in (state or {"unused": int}).items():
        base, count = kind if isinstance(kind, tuple) else (kind, None)
        if base not in _FIELD_TYPES:
            raise UsageError(f"`state.{name}` must be int, float or (int or float, count), was {kind!r}", "")
        fields.append((name, _FIELD_TYPES[base]) if count is None else (name, _FIELD_TYPES[base], (count,)))
    return np.dtype(fields)


def _params(instance: CompiledStrategy) -> np.ndarray[Any, Any]:
    params = declared(type(instance)) or {"unused": Param(0, None, None, "")}
    record = np.zeros(1, np.dtype([(name, _FIELD_TYPES[type(param.default)]) for name, param in params.items()]))
    for name in declared(type(instance)):
        record[name] = getattr(instance, name)
    return record


def _reads(function: Callable[..., Any]) -> set[str]:
    """Names of attributes that a function, or one that it may call, looks up: the engine fills in no others.

    A record can only be looked at by name, and only by functions found as globals or closed over.
    """
    names: set[str] = set()
    pending, seen = [function], {id(function)}
    while pending:
        current = pending.pop()
        names |= set(current.__code__.co_names)
        cells = [cell.cell_contents for cell in current.__closure__ or ()]
        modules = [value for name in current.__code__.co_names if (value := current.__globals__.get(name)) is not None]
        for value in (
            cells + modules + [getattr(m, n, None) for m in modules + cells for n in current.__code__.co_names]
        ):
            inner = getattr(value, "py_func", value)
            if isinstance(inner, types.FunctionType) and id(inner) not in seen:
                seen.add(id(inner))
                pending.append(inner)
    return names


def _compile(function: Callable[..., None], params: np.dtype[Any], state: np.dtype[Any]) -> Any:
    numba: Any
    try:
        numba = import_module("numba")
    except ImportError:
        raise UsageError(
            f"strategy `{function.__name__}` is compiled, and numba is not installed",
            'pip install "kedge[fast]"',
        ) from None
    give_methods()
    body = _jitted(numba, function, {})

    def call(ctx, state, params):  # type: ignore[no-untyped-def]
        record = numba.carray(ctx, 1)[0]
        body(record, numba.carray(state, 1)[0], numba.carray(params, 1)[0])
        record.done = 1

    pointers = [numba.types.CPointer(numba.from_dtype(kind)) for kind in (_CONTEXT, state, params)]
    try:
        entry = numba.cfunc(numba.void(*pointers))(call)
    except KeyError as error:
        # This is how numba says that a record has no such field.
        raise _refused(function, f"NameError: a record has no field or method {error}") from None
    except numba.core.errors.NumbaError as error:
        raise _refused(function, str(error)) from None
    _hear_what_is_raised(entry)
    return entry


def _jitted(numba: Any, function: Callable[..., Any], done: dict[int, Any]) -> Any:
    """The function for numba, with the plain functions of its file that it calls."""
    if id(function) not in done:
        scope = dict(function.__globals__)
        copy = types.FunctionType(
            function.__code__, scope, function.__name__, function.__defaults__, function.__closure__
        )
        done[id(function)] = numba.njit(copy)
        for name in function.__code__.co_names:
            called = scope.get(name)
            if isinstance(called, types.FunctionType) and called.__module__ == function.__module__:
                scope[name] = _jitted(numba, called, done)
    return done[id(function)]


_WHY = re.compile(
    r"Unknown attr|Cannot unify|Untyped|Unsupported|No conversion|not supported|not defined|NameError", re.I
)
_NESTED = re.compile(
    r"Failed in|- Resol|No implementation|>>>|There are|- Of which|Overload|With arg|Rejected|raised from"
)


def _refused(function: Callable[..., None], told: str) -> StrategyError:
    """numba's message in a line: what it minds, and where in the function's file."""
    code = function.__code__
    lines = [re.sub(r"Record\(.*\)", "a record", line.strip()) for line in told.splitlines() if line.strip()]
    why = next((line for line in lines if _WHY.search(line)), None)
    why = why or next((line for line in lines if not _NESTED.match(line)), "")
    name = code.co_filename.rpartition("/")[2]
    at = re.findall(rf'File "[^"]*{re.escape(name)}", line (\d+)', told)
    place = f"{code.co_filename}, line {at[0] if at else code.co_firstlineno}, in {code.co_name}"
    return StrategyError(
        f"{place}: numba cannot compile it: {why}",
        "use numbers, records and NumPy arrays only; docs/strategies.md lists the fields and methods of `ctx`",
    )


def _hear_what_is_raised(entry: Any) -> None:
    """Keeps what a compiled function raises for `__raised__`; what others fail to raise goes its usual way."""
    before = sys.unraisablehook
    if getattr(before, "hears_compiled", False):
        return

    def hear(told: Any) -> None:
        running = callback_count() % 2 == 1
        if running and isinstance(told.object, str) and told.exc_value is not None:
            _raised[:] = [told.exc_value]
        else:
            before(told)

    hear.hears_compiled = True  # type: ignore[attr-defined]
    sys.unraisablehook = hear
