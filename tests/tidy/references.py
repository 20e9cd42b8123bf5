"""No file that nothing leads to: every module is imported or declared, every other file is named somewhere."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath

# Files that a tool or a reader finds by their name.
KNOWN = {
    ".gitignore", ".npmrc", "CHANGELOG.md", "CONTRIBUTING.md", "Cargo.lock", "Cargo.toml", "LICENSE", "Makefile",
    "README.md", "conftest.py", "package-lock.json", "package.json", "py.typed", "pyproject.toml",
    "requirements.lock", "rustfmt.toml", "tsconfig.json",
}  # fmt: skip
KNOWN_PATHS = {".ci/run", "python/kedge/__init__.py", "python/kedge/_core.pyi"}


def unreferenced(files: Mapping[str, str]) -> Iterator[str]:
    """The files that nothing leads to. Tests do not keep a module alive."""
    imported = _imports({path: text for path, text in files.items() if not path.startswith("tests/")})
    imported_by_tests = _imports(files)
    for path in files:
        pure = PurePosixPath(path)
        if pure.name in KNOWN or path in KNOWN_PATHS:
            continue
        if path.startswith("python/kedge/") and pure.suffix == ".py":
            module = _module(PurePosixPath(*pure.parts[1:]))
            if module not in imported and f"{module}:" not in files.get("pyproject.toml", "") and not _run(path, files):
                yield f"{path}: nothing but a test imports {module}"
        elif pure.suffix == ".rs":
            if not _declared(path, files):
                yield f"{path}: no module declares it"
        elif re.fullmatch(r"test_\w+\.py", pure.name) and pure.parts[0] == "tests":
            continue
        elif pure.name.endswith(".test.ts"):
            continue  # vitest finds it
        elif _module(pure) not in imported_by_tests and not _named(path, files):
            yield f"{path}: no other file names it"


def _module(path: PurePosixPath) -> str:
    parts = list(path.with_suffix("").parts)
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _imports(files: Mapping[str, str]) -> set[str]:
    """Every module that some Python file imports, with the packages it lies in."""
    found: set[str] = set()
    for path, text in files.items():
        if not path.endswith(".py"):
            continue
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Import):
                found.update(alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                module = _base(path, node)
                found.add(module)
                found.update(f"{module}.{alias.name}" for alias in node.names)
            elif isinstance(node, ast.Call) and ast.unparse(node.func) == "importlib.import_module":
                found.update(str(name.value) for name in node.args if isinstance(name, ast.Constant))
    return {".".join(module.split(".")[:depth]) for module in found for depth in range(1, module.count(".") + 2)}


def _base(path: str, node: ast.ImportFrom) -> str:
    """The module of `from … import`, absolute."""
    if node.level == 0:
        return node.module or ""
    parts = list(PurePosixPath(path.removeprefix("python/")).parent.parts)
    parts = parts[: len(parts) - node.level + 1]
    return ".".join([*parts, *([node.module] if node.module else [])])


def _declared(path: str, files: Mapping[str, str]) -> bool:
    pure = PurePosixPath(path)
    if pure.name in ("lib.rs", "main.rs", "build.rs") or pure.parent.name in ("tests", "examples", "bin"):
        return True
    if pure.parent.name == "benches":
        return f'name = "{pure.stem}"' in files.get(str(pure.parent.parent / "Cargo.toml"), "")
    name, folder = (pure.parent.name, pure.parent.parent) if pure.name == "mod.rs" else (pure.stem, pure.parent)
    parents = [folder / "mod.rs", folder / "lib.rs", folder / "main.rs", folder.with_suffix(".rs")]
    parents += [PurePosixPath(other) for other in files if PurePosixPath(other).parent == folder and "tests" in other]
    declaration = re.compile(rf"^\s*(?:pub(?:\([^)]*\))?\s+)?mod\s+{name}\s*;", re.MULTILINE)
    return any(declaration.search(files.get(str(parent), "")) for parent in parents)


def _named(path: str, files: Mapping[str, str]) -> bool:
    """Whether another file has its name, or says its module as `python -m` does."""
    pure = PurePosixPath(path)
    names = {pure.name} - {"__init__.py"}
    if pure.suffix == ".py" and len(pure.parts) > 1:
        names.add(_module(pure).removesuffix(".__main__"))
    return any(name in text for other, text in files.items() if other != path for name in names)


def _run(path: str, files: Mapping[str, str]) -> bool:
    """Whether a module is run or found by its dotted name: `python -m`, or `import_module`."""
    module = _module(PurePosixPath(*PurePosixPath(path).parts[1:]))
    asked = re.compile(rf"(?:-m |import_module\(\"){re.escape(module)}\b")
    return any(asked.search(text) for other, text in files.items() if other != path and not other.startswith("tests/"))
