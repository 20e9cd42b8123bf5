"""Where the programs of a bench come from: each rival in an environment of its own, Kedge's bench built by cargo."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
RIVALS = ROOT / ".rivals"
KEDGE_PYTHON = ROOT / ".venv" / "bin" / "python"

# The Pythons (3.x) that a rival runs on, the best first.
PYTHONS_OF = {"hftbacktest": (11,), "nautilus": (11,), "vectorbt": (11,), "nautilus2": (13, 12, 14)}


class BenchError(Exception):
    """A bench cannot go on; the message says why and what to do."""


class PythonMissingError(BenchError):
    """A rival runs on a Python that is not on this machine."""


def run_quietly(command: Sequence[str | Path], **environment: str) -> str:
    """Runs a command in the repository and returns what it printed.

    Raises `BenchError` with the command, its exit code and its last lines.
    """
    done = subprocess.run(command, cwd=ROOT, env=os.environ | environment, capture_output=True, text=True, check=False)
    if done.returncode:
        last = "\n".join((done.stderr or done.stdout).splitlines()[-15:])
        raise BenchError(f"{' '.join(map(str, command))}: exit code {done.returncode}\n{last}")
    return done.stdout


def base_python(name: str) -> str:
    """An interpreter that a rival runs on: on the PATH, this one, or one that pyenv has but does not put forward.

    Raises `PythonMissingError`.
    """
    minors = PYTHONS_OF[name]
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    for minor in minors:
        found = [shutil.which(f"python3.{minor}"), *map(str, sorted(pyenv.glob(f"3.{minor}.*/bin/python3")))]
        if sys.version_info.minor == minor:
            found.append(sys.executable)
        for python in found:
            # A name on the PATH may be a stand-in for a version that is not there.
            if python and _minor(python) == minor:
                return python
    wanted = " or ".join(f"3.{minor}" for minor in sorted(minors))
    raise PythonMissingError(f"{name} runs on Python {wanted}, which is not on this machine. Put it on the PATH.")


def _minor(python: str) -> int | None:
    done = subprocess.run(
        [python, "-c", "import sys; print(sys.version_info.minor)"], capture_output=True, text=True, check=False
    )
    return int(done.stdout) if done.returncode == 0 else None


def rival_python(name: str) -> Path:
    """The interpreter of a rival's environment, made or made anew where its requirements have changed."""
    requirements = ROOT / "benches" / "rivals" / f"{name}.txt"
    home, wanted = RIVALS / name, hashlib.sha256(requirements.read_bytes()).hexdigest()
    python, stamp = home / "bin" / "python", home / "requirements.sha256"
    if python.exists() and stamp.exists() and stamp.read_text() == wanted:
        return python
    base = base_python(name)
    print(f"bench: installing {name} into {home.relative_to(ROOT)}", file=sys.stderr)
    shutil.rmtree(home, ignore_errors=True)
    # All that the bench imports is listed and locked, hence no dependencies.
    options: list[str | Path] = ["--quiet", "--no-deps", "--require-hashes", "-r", requirements]
    uv = next((path for path in (ROOT / ".tools/bin/uv", ROOT / ".venv/bin/uv") if path.exists()), None)
    if uv is None:
        run_quietly([base, "-m", "venv", home])
        run_quietly([python, "-m", "pip", "install", "--disable-pip-version-check", *options])
    else:
        run_quietly([uv, "venv", "--quiet", "--python", base, home])
        run_quietly([uv, "pip", "install", "--python", python, *options])
    stamp.write_text(wanted)
    return python


def kedge_bench() -> Path:
    """Kedge's bench program, built in release mode where it is not up to date."""
    print("bench: building kedge-bench", file=sys.stderr)
    run_quietly(["cargo", "build", "--release", "--locked", "--package", "kedge-bench"])
    return Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")).joinpath("release", "kedge-bench")
