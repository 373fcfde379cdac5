"""What the assistant knows of the catalogue follows the catalogue."""

from __future__ import annotations

import logging
from typing import Any

from recsys.cli._command import interactive
from recsys.data.store import knowledge_store
from recsys.errors import RecsysError
from recsys.settings import Settings

log = logging.getLogger(__name__)


def follow_catalogue(settings: Settings) -> dict[str, Any]:
    """Refresh published knowledge after a new version of the shop; the summary's part of it, {} where nothing changed.

    The shop's version is published by now: knowledge that cannot be refreshed is a warning, not a failed night.
    """
    try:
        if knowledge_store(settings.artifacts).current_id() is None:
            return {}
        from recsys.assistant.setup import refresh_catalogue  # seconds of imports, for shops that have an assistant

        version = refresh_catalogue(settings, progress=interactive())
    except RecsysError as error:
        log.warning("the assistant still knows the catalogue of before: %s", error)
        return {"knowledge": None}
    return {} if version is None else {"knowledge": version.id, "passages": version.manifest["passages"]}
