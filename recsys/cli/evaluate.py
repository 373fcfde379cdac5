"""How good is it? Offline figures of the live version, beside simple and known rivals.

Without a subcommand: `lists`. Example: recsys evaluate --artifacts shop --report report.html
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from rich.console import Console
from typer import Option
from typer.core import TyperGroup

from recsys.cli._command import Artifacts, Json, command, file, group, interactive, out
from recsys.errors import BadInput, require
from recsys.settings import Settings, load_settings

#: Columns of the widest table; a narrower window wraps lines rather than cutting figures off.
WIDTH = 110


class _Subcommands(TyperGroup):
    """`lists` where no subcommand is named; scripts older than these say `--explanations N` and `--assistant`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Put the subcommand that is meant before its options."""
        if not args or args[0] not in {*self.commands, "--help"}:
            options = {argument.partition("=")[0] for argument in args}
            if "--explanations" in options:
                args = ["explanations", *args]
            elif "--assistant" in options:
                args = ["assistant", *(argument for argument in args if argument != "--assistant")]
            else:
                args = ["lists", *args]
        return super().parse_args(ctx, args)


app = group(__doc__ or "", cls=_Subcommands)


@app.command("lists")
@command
def lists(
    artifacts: Artifacts = None,
    report: Annotated[Path | None, file("--report", help="Write a self-contained HTML page with plots.")] = None,
    peers: Annotated[
        bool, Option("--peers", help="Also tune and run kNN, ALS, BPR, EASE, LightFM and sequence models.")
    ] = False,
    ablation: Annotated[
        bool, Option("--ablation", help="Also take each feature block away in turn: what is it worth?")
    ] = False,
    users: Annotated[
        int | None, Option("--users", metavar="N", help="Test users, sampled; default evaluation.max_users.")
    ] = None,
    keep: Annotated[
        bool, Option("--keep", help="Keep figures and plots beside the version: the page shows them.")
    ] = False,
    as_json: Json = False,
) -> dict[str, Any]:
    """Train the live version's recipe on the events before a cut in time, and measure it on those after it.

    Per-user AUC first, then nDCG, recall, coverage, novelty and diversity, each with a 95% bootstrap interval over
    users; calibration of the probabilities; slices by activity, item popularity and segment. Nothing is published.

    Example: recsys evaluate --peers --ablation --report report.html
    """
    from recsys.data import evaluations
    from recsys.data.store import Store
    from recsys.evaluation import assessment
    from recsys.evaluation.report import check_writable, drawn, tables, write_report

    settings = load_settings(artifacts=artifacts)
    if report is not None:
        check_writable(report)
    if keep:
        require("matplotlib", "evaluation")
    store = Store(settings.artifacts)
    live = store.require()
    found = assessment.assess_live(settings, users=users, peers=peers, ablation=ablation, progress=interactive())
    if report is not None:
        write_report(found, report, live.path)
    if keep:
        evaluations.keep(store, live.id, found.to_dict(), drawn(found))
    if not as_json:
        wide = Console(width=max(out.width, WIDTH))
        for table in tables.all_tables(found):
            wide.print(table)
    where = f"; report in {report}" if report else ""
    return {**found.to_dict(), "report": str(report) if report else None, "line": tables.headline(found) + where}


@app.command("explanations")
@command
def explanations(
    size: Annotated[int, Option("--size", "--explanations", metavar="N", help="Reasons to measure.")] = 100,
    sheet: Annotated[
        Path | None, file("--sheet", help="Also write reasons beside the rows that prove them, to grade (CSV).")
    ] = None,
    grades: Annotated[Path | None, file("--grades", help="Take a graded sheet back in, and keep its figures.")] = None,
    references: Annotated[
        Path | None,
        file(
            "--references",
            help="Compare writers with the N first explanations of a held-out table with user_profile, item_profile, "
            "explanation [, other systems' texts in columns ending in _pred]; needs no artifacts.",
        ),
    ] = None,
    artifacts: Artifacts = None,
    as_json: Json = False,
) -> dict[str, Any]:
    """Measure the reasons of N recommendations: exact parts, purchases named, sentences grounded.

    Examples: recsys evaluate explanations --size 100 --sheet sheet.csv;
    recsys evaluate explanations --grades sheet.csv;
    recsys evaluate explanations --references held_out.parquet
    """
    from recsys.pipeline import reasons

    if size < 1:
        raise BadInput("--size N is at least 1")
    if references is not None and sheet is not None:
        raise BadInput("--references F compares texts that are there; it does not go with --sheet")
    settings = load_settings(artifacts=artifacts)
    if grades is not None:
        return _grades(settings, grades)
    if references is not None:
        return _references(settings, references, size, quiet=as_json)
    figures, table = reasons.assess_live(settings, size, sheet, progress=interactive())
    if not as_json:
        out.print(table.round(3).to_string())
    own = table.iloc[-1]
    exact = f"parts sum within {figures['completeness']:.1e}, a purchase can be named for {figures['nameable']:.0%}"
    true = f"{own['grounded']:.1%} grounded, {own['by_writer']:.0%} in the words of {own.name}"
    return {
        **figures,
        "writers": table.to_dict("index"),
        "sheet": str(sheet) if sheet else None,
        "line": f"{figures['pairs']:.0f} reasons: {exact}, {true}",
    }


def _grades(settings: Settings, sheet: Path) -> dict[str, Any]:
    from recsys.explain.audit import GRADES
    from recsys.pipeline import reasons

    figures = reasons.keep_grades(settings, sheet)
    shares = (f"{g} {figures[g]['share']:.0%} [{figures[g]['low']:.0%}, {figures[g]['high']:.0%}]" for g in GRADES)
    return {**figures, "line": f"{figures['graded']} reasons graded: {', '.join(shares)}"}


def _references(settings: Settings, table: Path, size: int, *, quiet: bool) -> dict[str, Any]:
    from recsys.data import sources
    from recsys.explain.research import references

    found = references.compare(settings, sources.read_table(table), size, progress=interactive())
    if not quiet:
        Console(width=max(out.width, WIDTH)).print(found.table.round(3).to_string(), markup=False, highlight=False)
    bleu, rouge = found.best("bleu4"), found.best("rougeL")
    own = found.table.loc[rouge]
    ahead = f"{own['ahead']:+.3f} [{own['low']:+.3f}, {own['high']:+.3f}] over the constant sentence that is best by it"
    return {
        "references": found.references,
        "writers": found.table.to_dict("index"),
        "constants": found.constants,
        "line": f"{found.references} references: best BLEU-4 {found.table.at[bleu, 'bleu4']:.1f} ({bleu}), "
        f"best ROUGE-L {own['rougeL']:.3f} ({rouge}), {ahead}",
    }


@app.command("online")
@command
def online(
    experiment: Annotated[str | None, Option("--experiment", help="Its name; default experiment.name.")] = None,
    outcome: Annotated[str, Option("--outcome", help="What counts: purchase, cart or view.")] = "purchase",
    days: Annotated[float, Option("--days", min=0, help="How long after a showing an event is its outcome.")] = 7.0,
    artifacts: Artifacts = None,
    as_json: Json = False,
) -> dict[str, Any]:
    """Compare the variants of an experiment on what shoppers did with what they were shown, and say when to stop.

    The intervals are those of one look; the confidence sequence beside them holds however often one looks, and decides.

    Example: recsys evaluate online --experiment diversity --outcome cart
    """
    from dataclasses import asdict

    from recsys.evaluation.online import compare

    if outcome not in {"purchase", "cart", "view"}:
        raise BadInput(f"--outcome {outcome}: expected purchase, cart or view")
    settings = load_settings(artifacts=artifacts)
    name = experiment or settings.experiment.name
    if not name:
        raise BadInput("--experiment NAME: which one? The settings name none")
    found = compare(settings.artifacts, name, outcome=outcome, days=days)
    compared = [*found.differences, *([found.interleaved] if found.interleaved else [])]
    if not as_json:
        out.print(
            found.table.round(4).to_string(index=False) if len(found.table) else "interleaved lists", markup=False
        )
        for one in compared:
            look = f"{one.value:+.4f} [{one.low:+.4f}, {one.high:+.4f}] at one look"
            always = f"[{one.always_low:+.4f}, {one.always_high:+.4f}] at all looks"
            out.print(f"{one.variant}: {look}, {always}", markup=False)
    return {
        "experiment": name,
        "outcome": outcome,
        "variants": found.table.to_dict("records"),
        "differences": [asdict(one) | {"decided": one.decided} for one in found.differences],
        "interleaved": found.interleaved and asdict(found.interleaved) | {"decided": found.interleaved.decided},
        "sample_ratio_p": found.mismatch,
        "advice": found.advice,
        "line": found.advice,
    }


@app.command("assistant")
@command
def assistant(
    questions: Annotated[
        Path | None,
        file("--questions", help="Table with question [, answers, answer, intent, refuse]; default: own sentences."),
    ] = None,
    artifacts: Artifacts = None,
    as_json: Json = False,
) -> dict[str, Any]:
    """Measure the assistant: its answers, refusals and sources.

    Example: recsys evaluate assistant --questions asked.csv
    """
    from recsys.assistant import assessment

    found = assessment.assess_live(load_settings(artifacts=artifacts), questions)
    shares = found.shares()
    if not as_json:
        for name, share in shares.items():
            out.print(f"{name:<28} {share.value:6.3f} [{share.low:.3f}, {share.high:.3f}]  of {share.n}", markup=False)
        if found.writers is not None:
            out.print(found.writers.round(3).to_string(), markup=False)
    privacy = "" if found.leaks is None else f"; {found.leaks} of {found.foreign_orders} orders of others told"
    encoding, search = (1_000 * seconds for seconds in found.search)
    return {
        **found.plain(),
        "line": f"{found.questions} questions, {found.passages} passages: "
        f"{shares['answers grounded'].value if 'answers grounded' in shares else 1:.1%} of answers grounded{privacy}; "
        f"an answer takes {found.conversation.seconds[0]:.3f} s, encoding {encoding:.1f} ms, search {search:.1f} ms",
    }
