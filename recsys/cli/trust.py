"""Try the project's promises: faults, strange inputs, erased persons, nights; the table of docs/trust.md."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path
from typing import Annotated, Any

from typer import Option

from recsys.cli._command import Json, command, err, file, interactive, out
from recsys.errors import BadInput


@command
def trust(
    only: Annotated[list[str] | None, Option("--only", metavar="STAGE", help="A stage to run; repeatable.")] = None,
    share: Annotated[float, Option("--share", help="Share of the full numbers, such as 0.01 for a first look.")] = 1.0,
    seed: Annotated[int, Option("--seed", help="Seed of all cases; the same gives the same.")] = 0,
    workers: Annotated[int | None, Option("--workers", help="Processes; default: one a processor.")] = None,
    case: Annotated[
        str | None, Option("--case", metavar="KIND[:N]", help="One kind, or one case of it as a breach names it.")
    ] = None,
    save: Annotated[Path | None, file("--out", help="Write the table (.md) or everything counted (.json).")] = None,
    as_json: Json = False,
) -> dict[str, Any]:
    """Run the promises of docs/trust.md against the real commands, on a tiny shop in a temporary folder.

    Your artifacts and settings are not looked at. Stages: faults, inputs, erasure, nights. Exit 1 where a promise is
    broken; each breach is named by a kind and number that --case tries again.

    Example: recsys trust --share 0.01
    """
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # sums in one order: what was equal once is equal always
    from recsys.cli import _trust as trials

    wanted = list(dict.fromkeys(only or trials.STAGES))
    if unknown := [name for name in wanted if name not in trials.STAGES]:
        raise BadInput(f"--only {unknown[0]}: the stages are {', '.join(trials.STAGES)}")
    if not 0 < share <= 1:
        raise BadInput(f"--share {share:g}: a share is above 0 and at most 1")
    if workers is not None and workers < 1:
        raise BadInput("--workers: at least 1")
    if save is not None and save.suffix not in (".md", ".json"):
        raise BadInput(f"{save}: end the name in .md (the table) or .json (everything counted)")
    results = []
    with tempfile.TemporaryDirectory(prefix="recsys-trust-", ignore_cleanup_errors=True) as folder:
        plan = trials.Plan(
            Path(folder), seed, share, workers or trials.processors(), _case(case), interactive() and not as_json
        )
        trials.prepare(plan)
        for name in wanted:
            result = trials.STAGES[name](plan)
            results.append(result)
            err.print(f"{name}: {result.counts()}; {result.verdict()}", markup=False)
            for breach in (breach for tally in result.tallies for breach in tally.breaches):
                err.print(f"  {breach}", markup=False)
    body: dict[str, Any] = {"seed": seed, "share": share, "promises": [result.plain() for result in results]}
    if save is not None:
        text = trials.markdown(results) if save.suffix == ".md" else json.dumps(body, indent=1, ensure_ascii=False)
        save.write_text(text, "utf-8")
    if not as_json:
        out.print(trials.markdown(results), markup=False)
    tried, broken = sum(r.tried for r in results), sum(r.broken for r in results)
    if not tried:
        raise BadInput(f"--case {case}: there is no such kind in {', '.join(wanted)}")
    kept = "every promise was kept" if not broken else f"{broken:,} broke a promise"
    return {**body, "refused": broken > 0, "line": f"{tried:,} cases: {kept}"}


def _case(text: str | None) -> tuple[str, int | None] | None:
    if text is None:
        return None
    kind, colon, number = text.partition(":")
    if not kind or (colon and not number.isdecimal()):
        raise BadInput(f"--case {text}: write a kind, or KIND:N as a breach is named: --case csv:17")
    return kind, int(number) if colon else None
