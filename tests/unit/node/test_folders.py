"""A trader's data folder: one trader at a time, sessions in order, a socket that fits."""

import subprocess
import sys
from pathlib import Path

import pytest

from kedge.model.errors import UnsafeStateError, UsageError
from kedge.node.folders import AccountLock, DataFolder

HOLD = """
import sys, time
from pathlib import Path
from kedge.node.folders import AccountLock, DataFolder
with AccountLock(DataFolder(Path(sys.argv[1])), sys.argv[2]):
    print("held", flush=True)
    time.sleep(60)
"""


def test_a_second_trader_is_refused_until_the_first_dies(tmp_path: Path) -> None:
    first = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path / "a"), "x-1"], stdout=subprocess.PIPE, text=True
    )
    assert first.stdout is not None
    assert first.stdout.readline() == "held\n"
    folder = DataFolder(tmp_path / "a")
    with pytest.raises(UnsafeStateError, match="another trader holds") as refused, AccountLock(folder, "x-2"):
        pass
    assert refused.value.exit_code == 5
    elsewhere = DataFolder(tmp_path / "b")
    with pytest.raises(UnsafeStateError, match=r"trades this account \(x-1\)"), AccountLock(elsewhere, "x-1"):
        pass
    with AccountLock(elsewhere, "x-2"):
        pass
    first.kill()
    first.wait()
    first.stdout.close()
    with AccountLock(folder, "x-1"):
        assert (folder.root / "trader.lock").read_text().strip().isdigit()


def test_sessions_come_oldest_first_and_other_folders_do_not_count(tmp_path: Path) -> None:
    folder = DataFolder(tmp_path)
    assert folder.sessions() == []
    for name in ("000010", "000002", "notes"):
        (folder.journal / name).mkdir(parents=True)
    assert [epoch for epoch, _ in folder.sessions()] == [2, 10]
    assert folder.session(11).name == "000011"


def test_a_socket_path_longer_than_the_system_takes_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="must have at most 107 bytes"):
        _ = DataFolder(tmp_path / ("x" * 120)).socket
