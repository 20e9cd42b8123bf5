import ast
import json
from pathlib import Path

import pytest

from kedge.cli.app import run


def test_a_file_with_one_strategy_is_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["new-strategy", "my_quotes", "--folder", str(tmp_path / "new"), "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    path = tmp_path / "new" / "my_quotes.py"
    assert said["file"] == str(path)
    assert said["next"] == f"kedge backtest {path} --seeded 10m"
    (strategy,) = [node for node in ast.parse(path.read_text()).body if isinstance(node, ast.ClassDef)]
    assert strategy.name == "MyQuotes"


def test_a_file_is_never_overwritten(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "mine.py").write_text("precious")
    assert run(["new-strategy", "mine", "--folder", str(tmp_path)]) == 2
    assert "is there already" in capsys.readouterr().err
    assert (tmp_path / "mine.py").read_text() == "precious"


@pytest.mark.parametrize("name", ["My", "1st", "a-b", "a b", "../a", "_a", "für", "class", "kedge", ""])
def test_a_name_that_is_no_module_is_refused(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["new-strategy", "--folder", str(tmp_path), "--", name]) == 2
    assert "hint: for example" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
