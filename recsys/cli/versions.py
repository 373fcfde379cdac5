"""List the versions, check their files' hashes, go back to an older one, pin one, or read its card."""

from __future__ import annotations

from typing import Annotated, Any

from typer import Option

from recsys.cli._command import Artifacts, Json, command, out
from recsys.data.retention import read_pins, read_tags
from recsys.data.store import Store, Version
from recsys.errors import ArtifactError, BadInput
from recsys.settings import load_settings


@command
def versions(
    use: Annotated[str | None, Option("--use", metavar="ID", help="Make this version the live one.")] = None,
    verify: Annotated[bool, Option("--verify", help="Hash every file of every version.")] = False,
    pin: Annotated[str | None, Option("--pin", metavar="ID", help="Keep this version, whatever comes.")] = None,
    tag: Annotated[
        str | None, Option("--tag", metavar="NAME", help="With --pin: call it so; --use, --card and --unpin know it.")
    ] = None,
    unpin: Annotated[str | None, Option("--unpin", metavar="ID", help="Let it go as others do.")] = None,
    card: Annotated[
        str | None, Option("--card", metavar="ID", help="Print the model card of a version, or `live`.")
    ] = None,
    artifacts: Artifacts = None,
    as_json: Json = False,
) -> dict[str, Any]:
    """List versions; with --use go back to one, with --verify check the files of all against their manifests.

    Examples: recsys versions --verify; recsys versions --card live; recsys versions --use 20260101T020000-1a2b;
    recsys versions --pin 20260101T020000-1a2b --tag before-sale; recsys versions --use before-sale
    """
    store = Store(load_settings(artifacts=artifacts).artifacts)
    if tag is not None and pin is None:
        raise BadInput("--tag NAME goes with --pin ID: say which version is called so")
    if use is not None:  # an empty one, from a script whose variable was not set, is no version either
        wanted = store.version(store.id_of(use)).id
        store.point_to(wanted)
    if pin is not None:
        store.pin(store.id_of(pin), tag=tag)
    if unpin is not None:
        store.pin(store.id_of(unpin), pinned=False)
    live = store.current_id() or store.require().id
    told = _card(store, live if card == "live" else store.id_of(card)) if card is not None else None
    if told is not None and not as_json:
        out.print(told, markup=False)
    names, pinned, tags = store.versions(), read_pins(store.root), read_tags(store.root)
    checked = f"; all {_verify(store)} files are as written" if verify else ""
    called = {name: ", ".join(["pinned", *(tag for tag, of in tags.items() if of == name)]) for name in pinned}
    kept = ", ".join(f"{name} ({called[name]})" if name in pinned else name for name in names)
    return {
        "live": live,
        "versions": names,
        "pinned": [name for name in names if name in pinned],
        "tags": {tag: name for tag, name in tags.items() if name in names},
        **({"card": told} if told is not None else {}),
        "line": f"live {live}; kept: {kept}{checked}",
    }


def _card(store: Store, name: str) -> str:
    from recsys.pipeline.card import FILE  # pandas: help does not wait for it

    path = store.version(name).path / FILE
    if not path.is_file():
        raise BadInput(f"version {name} has no card: it was published by an older release; the next night's has one")
    return path.read_text("utf-8")


def _verify(store: Store) -> int:
    """Hash every file of every version; returns how many there are, or says which are damaged."""
    damaged, files = [], 0
    for name in store.versions():
        try:
            version = Version.open(store.versions_dir / name)
        except ArtifactError as error:
            damaged.append(str(error))
            continue
        files += len(version.manifest["files"])
        damaged += [f"{version.path / file}: differs from what was published" for file in version.verify()]
    if damaged:
        more = f"; and {len(damaged) - 5} more" if len(damaged) > 5 else ""
        raise ArtifactError("; ".join(damaged[:5]) + more)
    return files
