"""The page: the files that set-up built from `web/`, each with how long a browser may keep it."""

from __future__ import annotations

from pathlib import Path

from starlette.responses import FileResponse, JSONResponse, PlainTextResponse, Response
from starlette.types import Receive, Scope, Send

from kedge.api.errors import body

FOLDER = Path(__file__).resolve().parents[1] / "_web"
NOT_BUILT = (
    "The page is not built yet.\n\nIn the folder of the project: make setup\n\n"
    "The server itself runs: GET /api/health answers.\n"
)
# The names of files in assets carry a hash of what is in them.
FOR_EVER, A_WHILE, ASK_FIRST = "public, max-age=31536000, immutable", "public, max-age=3600", "no-cache"


class Page:
    """Serves a folder's files; what has no file and no ending is a place within the page."""

    def __init__(self, folder: Path = FOLDER) -> None:
        self._folder = folder.resolve()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] == "http":
            await self._answer(scope)(scope, receive, send)

    def _answer(self, scope: Scope) -> Response:
        path = str(scope["path"]).lstrip("/")
        if path == "api" or path.startswith("api/"):
            return JSONResponse(body(f"there is no {scope['path']}", "web/openapi.json lists the routes"), 404)
        if scope["method"] not in ("GET", "HEAD"):
            return PlainTextResponse("only GET\n", 405, {"Allow": "GET, HEAD"})
        index = self._folder / "index.html"
        if not index.is_file():
            return PlainTextResponse(NOT_BUILT, 503)
        try:
            found = (self._folder / path).resolve()
            is_ours = found.is_relative_to(self._folder) and found.is_file()
        except (OSError, ValueError):
            is_ours = False
        if not is_ours:
            if "." in path.rpartition("/")[2]:
                return PlainTextResponse("not found\n", 404)
            found = index
        keep = ASK_FIRST if found == index else FOR_EVER if path.startswith("assets/") else A_WHILE
        return FileResponse(found, headers={"Cache-Control": keep})
