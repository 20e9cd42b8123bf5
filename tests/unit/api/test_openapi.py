from pathlib import Path

from scripts import openapi

COMMITTED = Path(__file__).resolve().parents[3] / "web" / "openapi.json"


def test_the_committed_file_is_what_the_routes_say() -> None:
    assert COMMITTED.read_text(encoding="utf-8") == openapi.text(), (
        "routes or shapes changed: python -m scripts.openapi web/openapi.json, then make the page's client again"
    )
