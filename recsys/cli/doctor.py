"""What a night and a server need of this machine, and what to mend.

Example: recsys doctor
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from recsys.cli._command import Artifacts, Json, command, out
from recsys.settings import load_settings

#: How a terminal marks each state.
MARKS = {"ok": "[green]ok  [/]", "warn": "[yellow]warn[/]", "fail": "[bold red]fail[/]"}


@command
def doctor(artifacts: Artifacts = None, as_json: Json = False) -> dict[str, Any]:
    """Check machine, settings, device, weights, disk and artifacts; say what to mend. Nothing is written or fetched.

    Exit 2 where something keeps a night or a server from working; warnings make them slower or plainer.

    Example: recsys doctor --artifacts shop
    """
    from rich.markup import escape

    from recsys.pipeline import doctor as checks

    found = checks.examine(load_settings(artifacts=artifacts))
    if not as_json:
        for one in found:
            out.print(f"{MARKS[one.state]} {one.check:<17} {escape(one.said)}")
            if one.mend:
                out.print(f"{'':<22} mend: {escape(one.mend)}")
    count = {state: sum(one.state == state for one in found) for state in MARKS}
    whole = checks.healthy(found)
    return {
        "findings": [asdict(one) for one in found],
        "exit": 0 if whole else 2,
        "line": f"{count['ok']} ok, {count['warn']} to look at, {count['fail']} to mend",
    }
