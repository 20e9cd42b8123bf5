"""What the documents show is true: their commands run, every option and setting is in them, their links lead on."""

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
import typer.main

from kedge.cli.app import app
from kedge.model.settings import SECTIONS, Settings, StrategySettings, load_settings

ROOT = Path(__file__).resolve().parents[1]
DOCUMENTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
FENCE = re.compile(
    r"^(?:<!-- not run: (?P<reason>[^\n]*?) -->\n+)?```(?P<language>\w*)\n(?P<body>.*?)^```$", re.MULTILINE | re.DOTALL
)
# Only what sets up, or takes as long as all the rest, may be left out.
MAY_BE_LEFT_OUT = ("git ", "cd ", "make", ".tools/bin/uv ", "cargo ", "npm ")
MOST_SECONDS = 300


@dataclass(frozen=True)
class Block:
    """A fenced block of a document."""

    document: Path
    line: int
    language: str
    body: str
    reason: str | None

    @property
    def where(self) -> str:
        """File and line, as an editor takes them."""
        return f"{self.document.relative_to(ROOT)}:{self.line}"

    @property
    def commands(self) -> str:
        """What a reader would type: in a `console` block what follows `$ `, in a `sh` block everything."""
        if self.language == "sh":
            return self.body
        lines, going_on = [], False
        for line in self.body.splitlines():
            if line.startswith("$ ") or going_on:
                lines.append(line.removeprefix("$ "))
                going_on = line.endswith("\\")
        return "\n".join(lines)


def blocks(document: Path) -> list[Block]:
    """Every fenced block of a document."""
    text = document.read_text(encoding="utf-8")
    return [
        Block(document, text.count("\n", 0, found.start()) + 1, found["language"], found["body"], found["reason"])
        for found in FENCE.finditer(text)
    ]


BLOCKS = [block for document in DOCUMENTS for block in blocks(document)]
SHELL = [block for block in BLOCKS if block.language in ("console", "sh")]
RUN = [block for block in SHELL if block.reason is None]


def names(document: Path) -> str:
    return str(document.relative_to(ROOT))


@pytest.mark.parametrize("document", sorted({block.document for block in RUN}), ids=names)
def test_every_command_shown_runs(document: Path, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    if any("recordings/" in block.commands for block in blocks(document)):
        (tmp_path / "recordings").symlink_to(request.getfixturevalue("recorded"))
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    environ = {key: value for key, value in os.environ.items() if not key.startswith(("KEDGE_", "PYTHONHASHSEED"))}
    environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{environ['PATH']}"
    for block in blocks(document):
        if block not in RUN:
            continue
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", block.commands],
            cwd=tmp_path,
            env=environ,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=MOST_SECONDS,
        )
        assert done.returncode == 0, f"{block.where}\n{block.commands}\n{done.stdout}\n{done.stderr}"


def test_no_block_hides_from_being_run() -> None:
    assert {block.language for block in BLOCKS} <= {"console", "sh", "text", "toml", "python", "json", "rust", "sql"}
    fences = sum(document.read_text(encoding="utf-8").count("\n```") for document in DOCUMENTS)
    assert fences == 2 * len(BLOCKS), "a fence is not closed, or is indented"
    for block in SHELL:
        assert block.commands.strip(), f"{block.where}: shows no command"
        if block.reason is None:
            continue
        assert block.reason, f"{block.where}: says not why it is not run"
        for command in block.commands.splitlines():
            assert command.startswith(MAY_BE_LEFT_OUT), f"{block.where}: `{command}` can be run"


def commands() -> dict[str, typer.core.TyperCommand]:
    group = typer.main.get_command(app)
    assert isinstance(group, typer.core.TyperGroup)
    return {name: command for name, command in group.commands.items() if isinstance(command, typer.core.TyperCommand)}


@pytest.mark.parametrize("name", sorted(commands()))
def test_every_command_and_option_is_documented(name: str) -> None:
    text = (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")
    sections = dict(re.findall(r"^## kedge ([\w-]+)\n(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL))
    section = sections.get(name, "")
    shown = set(re.findall(r"^\| `(?:(--[\w-]+)|([A-Z]+))", section, re.MULTILINE))
    documented = {option or argument for option, argument in shown}
    known = set()
    for parameter in commands()[name].params:
        if parameter.param_type_name == "argument":
            known.add(str(parameter.metavar).removesuffix("..."))
        else:
            known.update(parameter.opts)
    assert documented == known
    assert f"$ kedge {name}" in section


def test_no_command_is_documented_that_is_not_there() -> None:
    text = (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")
    assert set(re.findall(r"^## kedge ([\w-]+)$", text, re.MULTILINE)) == set(commands())


@pytest.mark.parametrize("name", sorted(commands()))
def test_every_command_has_help_with_an_example_and_json(name: str) -> None:
    command = commands()[name]
    assert re.search(rf"Examples?:\n\s+kedge {name}\b", command.help or "")
    assert "--json" in {option for parameter in command.params for option in parameter.opts}
    for parameter in command.params:
        assert getattr(parameter, "help", None), parameter.name


def test_every_setting_is_documented_with_its_default() -> None:
    text = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")
    sections = dict(re.findall(r"^## \[+(\w+)\]+\n(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL))
    known = {**SECTIONS, "strategy": StrategySettings}
    assert set(sections) == set(known) == set(Settings.model_fields)
    for name, section in known.items():
        rows = dict(re.findall(r"^\| `(\w+)` \|[^|]*\|([^|]*)\|", sections[name], re.MULTILINE))
        assert set(rows) == set(section.model_fields), name
        defaults = section.model_construct().model_dump(mode="json")
        for key, shown in rows.items():
            default = None if section.model_fields[key].is_required() else defaults.get(key)
            if isinstance(default, (str, bool, int, float)):
                assert shown.strip("` ").lower() == str(default).lower(), f"{name}.{key}"


@pytest.mark.parametrize(
    "block", [block for block in BLOCKS if block.language == "toml"], ids=lambda block: block.where
)
def test_every_settings_file_or_rule_shown_is_valid(block: Block, tmp_path: Path) -> None:
    if "\nenter = " in block.body:
        assert block.body == (ROOT / "examples" / "ema_rule.toml").read_text(encoding="utf-8")
        return
    (tmp_path / "kedge.toml").write_text(block.body, encoding="utf-8")
    load_settings(tmp_path / "kedge.toml", {})


@pytest.mark.parametrize("document", DOCUMENTS, ids=names)
def test_every_link_leads_somewhere(document: Path) -> None:
    text = FENCE.sub("", document.read_text(encoding="utf-8"))
    for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", text):
        if "://" not in target:
            assert (document.parent / target).exists(), f"{names(document)}: {target}"


def test_the_readme_shows_the_example_as_it_is() -> None:
    shown = [block.body for block in blocks(ROOT / "README.md") if block.language == "python"]
    assert shown == [(ROOT / "examples" / "quoting.py").read_text(encoding="utf-8")]
