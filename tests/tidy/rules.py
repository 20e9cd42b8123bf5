"""The rules of the house as functions: a file's path and text in, one sentence for each breach out."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath

from tests.tidy import rust_source

FILE_LINES, TEST_FILE_LINES, LINE, FUNCTION_LINES, METHODS = 500, 800, 120, 60, 25
MEASURED = {".py", ".pyi", ".rs", ".sh", ".js", ".css", ".html", ".toml", ".ts", ".tsx"}
PROSE = {".md"}
# Written by a tool, or a legal text: nobody reads them line by line.
GENERATED = {"requirements.lock", "Cargo.lock", "package-lock.json", "LICENSE"}

# Built from halves, so that this file does not break its own rules.
UNFINISHED = re.compile(r"\b(" + "|".join(["TO" + "DO", "FIX" + "ME", "XX" + "X"]) + r")\b")
EMPTY_WORDS = {"util", "utils", "helper", "helpers", "common", "manager", "managers"}
EMPTY_NAME = re.compile(r"\w(Utils?|Helpers?|Managers?)$")
MACHINE_PATH = re.compile(r"(?<![\w.$}*~])/(?:work|root|home|Users|opt|tmp)/")
ADDRESS = re.compile(r"\bhttps?://([^\s/:\"'`<>)\]]+)")
# Every address stands for a reason: a namespace, a licence, a format, this machine, a source that is cited.
KNOWN_HOSTS = {"www.w3.org", "www.apache.org", "keepachangelog.com", "semver.org", "localhost", "127.0.0.1"}
KNOWN_HOSTS |= {"api.binance.com", "fapi.binance.com", "www.binance.com", "developers.binance.com"}
KNOWN_HOSTS |= {"hftbacktest.readthedocs.io", "rigtorp.se", "www.tradingview.com"}

IMPURE = {
    "a clock": r"\bstd::time\b|\bInstant\b|\bSystemTime\b",
    "a thread": r"\bstd::thread\b",
    "a file, socket or variable": r"\bstd::(?:fs|net|env|process)\b",
    "randomness that is not seeded": r"\brand::|\bthread_rng\b|\bRandomState\b|\bgetrandom\b",
    "an order that changes between runs": r"\bHash(?:Map|Set)\b",
    "a function that differs between machines (take libm's)": (
        r"\.(?:exp|exp2|exp_m1|ln|ln_1p|log|log2|log10|powf|powi|cbrt|hypot|sinh?|cosh?|tanh?|asin|acos|atan2?)\("
    ),
}
# Breaches allowed in crates/core: (file, what is found there) → why.
ALLOWED_IMPURITY: Mapping[tuple[str, str], str] = {}
RUST_PRINT = re.compile(r"\b(?:e?print(?:ln)?|dbg)!")


def is_test(path: str) -> bool:
    """Whether a file belongs to the tests."""
    return "tests" in PurePosixPath(path).parts or PurePosixPath(path).name == "tests.rs"


def sizes(path: str, text: str) -> Iterator[str]:
    """A file, and each of its lines, is short enough to read."""
    name, suffix = PurePosixPath(path).name, PurePosixPath(path).suffix
    if name in GENERATED or suffix not in MEASURED | PROSE:
        return
    lines = text.splitlines()
    # The compiled module is one, and so is its stub.
    most = TEST_FILE_LINES if is_test(path) or suffix == ".pyi" else FILE_LINES
    if len(lines) > most:
        yield f"{path}: {len(lines)} lines, at most {most}"
    if suffix in MEASURED:
        for number, line in enumerate(lines, 1):
            if len(line) > LINE:
                yield f"{path}:{number}: {len(line)} characters, at most {LINE}"


def python_shapes(path: str, text: str) -> Iterator[str]:
    """Functions are short, classes have few methods."""
    if not path.endswith((".py", ".pyi")):
        return
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            lines = (node.end_lineno or node.lineno) - node.lineno + 1
            if lines > FUNCTION_LINES:
                yield f"{path}:{node.lineno}: `{node.name}` has {lines} lines, at most {FUNCTION_LINES}"
        elif isinstance(node, ast.ClassDef):
            methods = sum(isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef)) for child in node.body)
            if methods > METHODS:
                yield f"{path}:{node.lineno}: `{node.name}` has {methods} methods, at most {METHODS}"
            if EMPTY_NAME.search(node.name):
                yield f"{path}:{node.lineno}: `{node.name}` says nothing: name what it does"


def rust_shapes(path: str, text: str) -> Iterator[str]:
    """The same for Rust; the methods of a type are those of its inherent `impl` blocks in one file."""
    if not path.endswith(".rs"):
        return
    source = rust_source.code(text)
    for function in rust_source.functions(source):
        lines = function.last - function.first + 1
        if lines > FUNCTION_LINES:
            yield f"{path}:{function.first}: `{function.name}` has {lines} lines, at most {FUNCTION_LINES}"
    for name, methods in rust_source.methods(source).items():
        if methods > METHODS:
            yield f"{path}: `{name}` has {methods} methods, at most {METHODS}"
    for found in re.finditer(r"\b(?:struct|enum|trait)\s+(\w+)", source):
        if EMPTY_NAME.search(found[1]):
            yield f"{path}: `{found[1]}` says nothing: name what it does"


def words(path: str, text: str) -> Iterator[str]:
    """Nothing unfinished, no name that says nothing, no place of this machine, no address but a known one."""
    for part in PurePosixPath(path).parts:
        if EMPTY_WORDS & set(re.split(r"[._-]", part)):
            yield f"{path}: `{part}` says nothing: name what it holds"
    if PurePosixPath(path).name in GENERATED - {"requirements.lock", "package-lock.json"}:
        return  # cargo writes its index's address into its lock
    for number, line in enumerate(text.splitlines(), 1):
        where = f"{path}:{number}"
        if path != "requirements.lock" and (found := UNFINISHED.search(line)):
            yield f"{where}: {found[0]}: finish it or leave it out"
        if found := MACHINE_PATH.search(line):
            yield f"{where}: a path of one machine: {found[0]}"
        if PurePosixPath(path).name == "package-lock.json" and '"resolved"' not in line:
            continue  # npm copies where each package asks for money
        for host in ADDRESS.findall(line):
            # A name that is filled in, or one of the kind kept for tests, leads nowhere.
            if host not in KNOWN_HOSTS and not host.startswith("{") and not host.endswith(".test"):
                yield f"{where}: an address that is not known: {host}"
        if path.endswith(".md") and "../shared" in line:
            yield f"{where}: a folder that no user has"


def printing(path: str, text: str) -> Iterator[str]:
    """Only the command prints."""
    if path.startswith("python/kedge/") and path.endswith(".py") and not path.startswith("python/kedge/cli/"):
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print":
                yield f"{path}:{node.lineno}: prints: only kedge.cli does"
    if path.startswith("crates/") and path.endswith(".rs") and "/src/" in path:
        source = rust_source.without_tests(rust_source.code(text))
        for found in RUST_PRINT.finditer(source):
            yield f"{path}:{source.count(chr(10), 0, found.start()) + 1}: prints: only kedge.cli does"


def purity(path: str, text: str) -> Iterator[str]:
    """The engine reads no clock, file or unseeded number, and nothing in it depends on the machine."""
    if not (path.startswith("crates/core/src/") and path.endswith(".rs")) or path.endswith("/tests.rs"):
        return
    source = rust_source.without_tests(rust_source.code(text))
    for what, pattern in IMPURE.items():
        for found in re.finditer(pattern, source):
            if (path, found[0]) not in ALLOWED_IMPURITY:
                yield f"{path}:{source.count(chr(10), 0, found.start()) + 1}: {what}: {found[0]}"


def room_docstring(path: str, text: str) -> Iterator[str]:
    """A room says what comes in, what goes out, its units and what it raises."""
    if not re.fullmatch(r"python/kedge/[a-z]\w*/__init__\.py", path):
        return
    docstring = ast.get_docstring(ast.parse(text)) or ""
    for word in ("In:", "Out:", "Units", "Raises:"):
        if word not in docstring:
            yield f"{path}: its docstring lacks `{word}`"


ALONE = (sizes, python_shapes, rust_shapes, words, printing, purity, room_docstring)
