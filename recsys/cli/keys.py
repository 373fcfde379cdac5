"""API keys of the HTTP service, and tokens with which a browser may ask for one shopper.

Example: recsys keys add shopfront --scopes recommend,explain,events
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any

import typer
from typer import Option

from recsys.cli._command import Artifacts, Json, command, group, out
from recsys.errors import BadInput, require
from recsys.settings import load_settings

app = group(__doc__ or "")

Name = Annotated[str, typer.Argument(help="What to call the key.")]


@app.command("add")
@command
def add(
    name: Name,
    scopes: Annotated[
        str, Option("--scopes", help="What it may do, with commas: recommend, explain, events, answer, admin.")
    ] = "recommend",
    rate: Annotated[str | None, Option("--rate", help="Requests, such as 600/minute; default serve.rate.")] = None,
    artifacts: Artifacts = None,
    as_json: Json = False,
) -> dict[str, Any]:
    """Make a key and print it, once: only its hash is kept, in keys.json under the artifacts or in serve.keys.

    Running servers know it at once. A key of the same name is replaced.

    Example: recsys keys add shopfront --scopes recommend,explain,events --rate 6000/minute
    """
    from recsys.service import keys

    file = _file(artifacts)
    wanted = [scope.strip() for scope in scopes.split(",") if scope.strip()]
    secret = keys.new_key(file, name, wanted, rate)
    if not as_json:
        out.print(secret, markup=False)
    made = next(key for key in keys.read_keys(file) if key.name == name)
    entry = ":".join([name, made.hash, "+".join(sorted(made.scopes)), *([rate] if rate else [])])
    line = f"{name} may {', '.join(sorted(made.scopes))}; kept in {file} (for {keys.KEYS}: {entry})"
    return {"name": name, "key": secret, "scopes": sorted(made.scopes), "environment": entry, "line": line}


@app.command("list")
@command
def list_keys(artifacts: Artifacts = None, as_json: Json = False) -> dict[str, Any]:
    """Names, scopes and rates of the keys; the keys themselves are kept nowhere.

    Example: recsys keys list
    """
    from recsys.service import keys

    found = keys.read_keys(_file(artifacts))
    if not as_json:
        for key in found:
            out.print(f"{key.name:<24} {', '.join(sorted(key.scopes))}  {key.rate or ''}", markup=False)
    told = [{"name": key.name, "scopes": sorted(key.scopes), "rate": key.rate} for key in found]
    return {"keys": told, "line": f"{len(found)} keys"}


@app.command("revoke")
@command
def revoke(name: Name, artifacts: Artifacts = None, as_json: Json = False) -> dict[str, Any]:
    """Delete a key; running servers refuse it from now on.

    Example: recsys keys revoke shopfront
    """
    from recsys.service import keys

    keys.revoke(_file(artifacts), name)
    return {"name": name, "line": f"{name} is revoked"}


@app.command("token")
@command
def token(
    user: Annotated[str, typer.Argument(help="The shopper's id.")],
    seconds: Annotated[float, Option("--seconds", min=1, help="How long it is good for.")] = 900,
    as_json: Json = False,
) -> dict[str, Any]:
    """Sign a token for one shopper with RECSYS_TOKEN_SECRET, which the server has, too.

    Example: RECSYS_TOKEN_SECRET=... recsys keys token 12347
    """
    from recsys.service import keys

    secret = os.environ.get(keys.SECRET, "")
    if len(secret) < keys.ENOUGH:
        raise BadInput(f"{keys.SECRET}: set it to at least {keys.ENOUGH} characters, here and where the server runs")
    signed = keys.shopper_token(secret, user, seconds)
    if not as_json:
        out.print(signed, markup=False)
    return {"token": signed, "seconds": seconds, "line": f"good for {seconds:g} seconds"}


def _file(artifacts: Path | None) -> Path:
    require("limits", "serve")
    require("itsdangerous", "serve")
    from recsys.service.state import keys_file

    return keys_file(load_settings(artifacts=artifacts))
