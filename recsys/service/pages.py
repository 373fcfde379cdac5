"""The page for people, where the package has one: static files under a strict policy, and nothing of anybody else's."""

from __future__ import annotations

from pathlib import Path

from fastapi import FastAPI
from starlette.responses import FileResponse, Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

FOLDER = Path(__file__).parent / "page"
#: Scripts, styles and pictures of this server alone; pictures of products may come from the shop over https.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' https: data:; connect-src 'self'; "
    "font-src 'self'; frame-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'self'; "
    "frame-ancestors 'none'"
)
#: The policy of the pages that describe the interface, whose scripts stand in the page.
DOCS_POLICY = (
    "default-src 'none'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "connect-src 'self'; font-src 'self'; worker-src blob:; base-uri 'none'; frame-ancestors 'none'"
)
POLICIES = {"/docs": DOCS_POLICY, "/redoc": DOCS_POLICY, "/docs/oauth2-redirect": DOCS_POLICY}


class _Static(StaticFiles):
    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await super().get_response(path, scope)
        response.headers["Content-Security-Policy"] = POLICY
        response.headers["Cache-Control"] = "no-cache"
        return response


def mount_page(app: FastAPI) -> None:
    """Serve ``index.html`` at ``/`` and its files under ``/static``, where the package has them."""
    index = FOLDER / "index.html"
    if not index.is_file():
        return
    app.mount("/static", _Static(directory=FOLDER), name="page")

    @app.get("/", include_in_schema=False)
    async def page() -> FileResponse:
        return FileResponse(index, headers={"Content-Security-Policy": POLICY, "Cache-Control": "no-cache"})
