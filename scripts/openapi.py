"""`web/openapi.json`: what the page's client is generated from. `python -m scripts.openapi FILE` writes it."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from kedge.api.answers import Delta, Resync, Snapshot
from kedge.api.routes import open_routes, routes

STREAM = "/api/stream"


def document() -> dict[str, Any]:
    """The routes, and among the schemas the messages of the stream, which OpenAPI has no place for."""
    app = FastAPI()
    app.include_router(open_routes)
    app.include_router(routes)
    app.add_api_route(STREAM, lambda: None, response_model=Snapshot | Delta | Resync)
    # The page and the server are built together: one version, which no release changes.
    made = get_openapi(title="Kedge", version="1", routes=app.routes)
    del made["paths"][STREAM]
    # The server words these itself, as every other error.
    for unused in ("HTTPValidationError", "ValidationError"):
        made["components"]["schemas"].pop(unused, None)
    return made


def text() -> str:
    """The file, as it is committed."""
    return json.dumps(document(), indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(text(), encoding="utf-8")
