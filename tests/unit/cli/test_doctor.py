import json
from itertools import count
from pathlib import Path

import pytest

from kedge.cli import doctor
from kedge.cli.app import run

NOW = 1_800_000_000 * 10**9


def test_every_check_is_printed_and_a_failing_one_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "kedge.toml").write_text("[risk]\nposision = 3\n")
    assert run(["doctor", "--json"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert found["ok"] is False
    states = {check["check"]: check for check in found["checks"]}
    assert set(states) == {
        "python", "engine", "packages", "charts", "settings", "write access", "disk", "runs", "clock",
        "live packages", "page", "port", "trader", "journal", "connection",
    }  # fmt: skip
    assert "kedge.toml:2" in states["settings"]["value"]
    assert "did you mean `position`?" in states["settings"]["next"]
    for check in found["checks"]:
        assert bool(check["next"]) is not check["ok"]


def test_what_is_well_needs_no_next_step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    checks = {check.check: check for check in doctor.examine(None)}
    for name in ("python", "engine", "packages", "settings", "write access", "runs"):
        assert checks[name].ok, checks[name]
    assert "release" in checks["engine"].value


def test_an_old_python_is_found() -> None:
    assert not doctor.check_python((3, 10)).ok
    assert doctor.check_python((3, 11)).ok


def test_a_missing_chart_library_is_found(tmp_path: Path) -> None:
    assert not doctor.check_charts(tmp_path).ok
    (tmp_path / doctor.CHARTS).parent.mkdir(parents=True)
    (tmp_path / doctor.CHARTS).touch()
    assert doctor.check_charts(tmp_path).ok


def test_a_folder_that_cannot_be_written_is_found(tmp_path: Path) -> None:
    (tmp_path / "runs").write_text("a file, not a folder")
    assert doctor.check_writable(tmp_path / "new").ok
    assert not (tmp_path / "new").exists()
    # No process may make a file there, not even root's.
    found = doctor.check_writable(Path("/proc/runs"))
    assert not found.ok
    assert "/proc" in found.next


def test_a_full_disk_is_found() -> None:
    assert not doctor.check_disk(10**8).ok
    assert doctor.check_disk(10**11).ok


def test_a_torn_run_folder_is_found(tmp_path: Path) -> None:
    assert doctor.check_runs(tmp_path / "runs").ok
    whole, torn = tmp_path / "whole", tmp_path / "torn"
    whole.mkdir()
    (whole / "run.json").touch()
    (tmp_path / ".run-x.partial").mkdir()
    assert doctor.check_runs(tmp_path) == doctor.Check("runs", True, f"1 in {tmp_path}")
    torn.mkdir()
    found = doctor.check_runs(tmp_path)
    assert not found.ok
    assert found.next == f"remove {torn}"


def test_a_clock_that_was_never_set_or_jumps_is_found() -> None:
    steady, monotonic = count(NOW, 50_000_000), count(0, 50_000_000)
    assert doctor.check_clock(lambda: next(steady), lambda: next(monotonic)).ok
    jumping, monotonic = count(NOW, 10**9), count(0, 50_000_000)
    assert not doctor.check_clock(lambda: next(jumping), lambda: next(monotonic)).ok
    unset = doctor.check_clock(lambda: 5, lambda: 5)
    assert not unset.ok
    assert "1970-01-01" in unset.value
