"""Encrypt a table of the shop's own, so that orders and exports lie about encrypted, too."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Annotated, Any

from recsys.cli._command import Json, command, file


@command
def seal(
    table: Annotated[Path, file("--file", help="File to encrypt: orders, an export, a table of users.")],
    out: Annotated[Path, file("--out", help="File to write, named *.sealed.")],
    as_json: Json = False,
) -> dict[str, Any]:
    """Encrypt a file with the key in RECSYS_VAULT_KEY; every command reads it as it reads the file itself.

    Example: recsys seal --file orders.csv --out orders.sealed
    """
    from recsys.data import outputs
    from recsys.data.atomic import replacing
    from recsys.data.sources.places import existing
    from recsys.data.sources.sniffing import open_unpacked
    from recsys.data.vault import Vault

    vault = Vault.from_environment()
    outputs.check_writable(out, (".sealed",))
    clear, _ = open_unpacked(existing(table))
    with clear, replacing(out) as written, vault.create(written) as sealed:
        shutil.copyfileobj(clear, sealed)
    out.chmod(0o600)
    return {"out": str(out), "line": f"encrypted {table}: {out}; the clear file is yours to delete"}
