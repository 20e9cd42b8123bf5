"""How commands reach a trader: its data folder, its control socket, and its journal where it does not answer."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kedge.model.errors import UnreachableError
from kedge.model.settings import load_settings

if TYPE_CHECKING:
    from kedge.node.folders import DataFolder


TIMEOUT_S = 5.0


def found_folder(settings: Path | None, data: Path | None) -> DataFolder:
    """The trader's folder: `data`, or that of the settings; below it the newest of `kedge up`."""
    from kedge.node.folders import data_folder

    return data_folder(data if data is not None else Path(load_settings(settings).trader.data))


@dataclass(frozen=True, slots=True)
class Answer:
    """What a trader said, or why there is nothing; `gone` where no process holds the account."""

    result: dict[str, Any] | None
    why: str = ""
    gone: bool = False

    @property
    def running(self) -> bool:
        """Whether a trader answered."""
        return self.result is not None


def asked(folder: DataFolder, command: str, **fields: object) -> Answer:
    """Asks the trader. Raises what it refuses with; one that does not answer is told by why."""
    from kedge.node.control import ask
    from kedge.node.folders import holder

    try:
        return Answer(ask(folder.socket, command, TIMEOUT_S, **fields))
    except UnreachableError:
        process = holder(folder)
    if process is None:
        return Answer(None, "the trader is not running", gone=True)
    return Answer(None, f"a trader runs as process {process} but does not answer")


def must_answer(answer: Answer, folder: DataFolder, hint: str) -> dict[str, Any]:
    """The trader's answer. Raises `UnreachableError` where there is none."""
    if answer.result is None:
        raise UnreachableError(f"{answer.why} ({folder.root})", hint)
    return answer.result
