"""Fine-tune a model on the shop's own text; what comes out is a directory of safetensors with a model card.

Example: recsys finetune explainer --out adapter
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from typer import Option

from recsys.cli._command import Artifacts, Json, Place, command, config, file, group, interactive
from recsys.settings import load_settings

if TYPE_CHECKING:
    from recsys.llm.tuning import TuningReport

app = group(__doc__ or "")

Out = Annotated[Path, Option("--out", metavar="DIR", help="Directory for the weights and the model card.")]
Base = Annotated[str, Option("--base", help="Model to start from: a directory, the default, or a Hugging Face name.")]
MaxSteps = Annotated[int | None, Option("--max-steps", metavar="N", help="Stop after N updates.")]
Conversations = Annotated[
    list[Path],
    file("--conversations", help="Conversations with the plan of each turn (JSON lines); repeatable."),
]
Start = Annotated[Path | None, Option("--start", metavar="FILE", help="Adapter file to go on from.")]
Keep = Annotated[
    float, Option("--keep", metavar="SHARE", help="Share of the --start adapter that stays: weights are averaged.")
]
Resume = Annotated[bool, Option("--resume", help="Go on from the last checkpoint of a run that was stopped.")]


@app.command("explainer")
@command
def explainer(
    out: Out,
    base: Base = "SmolLM2-135M-Instruct",
    references: Annotated[
        Place | None,
        file("--references", help="Table with user_profile, item_profile, explanation: learn from these instead."),
    ] = None,
    max_steps: MaxSteps = None,
    resume: Resume = False,
    as_json: Json = False,
) -> dict[str, Any]:
    """Teach a causal model to put evidence into words: a LoRA adapter for explain.adapter.

    Examples: recsys finetune explainer --out adapter;
    recsys finetune explainer --references F --out adapter
    """
    from recsys.data import sources
    from recsys.explain import training

    lesson = training.LESSON_CONFIG if references is None else training.REFERENCE_CONFIG
    report = training.train_explainer(
        out,
        base,
        references=None if references is None else sources.read_table(references),
        config=lesson.model_copy(update={"max_steps": max_steps or lesson.max_steps}),
        resume=resume,
        progress=interactive(),
    )
    return _learnt(report, "examples", out)


@app.command("assistant")
@command
def assistant(
    questions: Annotated[
        Place,
        file("--questions", help="Table with question, answer [, context, item_id, history] (csv, parquet, jsonl)."),
    ],
    out: Out,
    base: Base = "SmolLM2-135M-Instruct",
    feedback: Annotated[
        Path | None, Option("--feedback", metavar="DIR", help="Learn from well-rated answers kept there, too.")
    ] = None,
    full: Annotated[bool, Option("--full", help="Change every weight instead of a LoRA adapter.")] = False,
    epochs: Annotated[float, Option("--epochs", help="Passes over the lessons.")] = 1.0,
    max_steps: MaxSteps = None,
    resume: Resume = False,
    as_json: Json = False,
) -> dict[str, Any]:
    """Teach a causal model to answer like the shop's own answers: for assistant.writer and assistant.adapter.

    Texts are cleaned first (HTML, control characters, personal data, repeats). On several devices or machines:
    `accelerate launch -m jobs.finetune assistant ...`.

    Example: recsys finetune assistant --questions qa.parquet --out adapter
    """
    from recsys.assistant import lessons
    from recsys.data.feedback import Feedback
    from recsys.data.sources import read_table
    from recsys.llm.tuning import TuningConfig

    report = lessons.train_assistant(
        read_table(questions),
        out,
        base,
        TuningConfig(method="full" if full else "lora", epochs=epochs, max_steps=max_steps),
        feedback=lessons.rated(Feedback(feedback).table()) if feedback is not None else None,
        resume=resume,
        progress=interactive(),
    )
    return _learnt(report, "lessons", out)


@app.command("planner")
@command
def planner(
    conversations: Conversations,
    out: Out,
    base: Base = "Qwen2.5-Coder-0.5B-Instruct",
    held_out: Annotated[
        Path | None, file("--held-out", help="Conversations to measure on. Default: a twentieth of those given.")
    ] = None,
    epochs: Annotated[float, Option("--epochs", help="Passes over the turns.")] = 1.0,
    max_steps: MaxSteps = None,
    resume: Resume = False,
    as_json: Json = False,
) -> dict[str, Any]:
    """Teach a local chat model which tools a shopper's turn needs: a LoRA adapter, as `planner.gguf` for llama.cpp too.

    Example: recsys finetune planner --conversations en.jsonl --conversations zh.jsonl --out planner
    """
    from recsys.assistant import lessons
    from recsys.llm.chat import PLANNER_FILE
    from recsys.llm.tuning import TuningConfig

    wanted = {**lessons.PLANNER_CONFIG.model_dump(), "epochs": epochs, "max_steps": max_steps}
    report = lessons.train_planner(
        conversations,
        out,
        base,
        config(TuningConfig, **wanted),
        held_out=held_out,
        resume=resume,
        progress=interactive(),
    )
    return _learnt(report, "turns", out / PLANNER_FILE)


@app.command("turns")
@command
def turns(
    conversations: Conversations,
    out: Out,
    held_out: Annotated[
        list[Path] | None, Option("--held-out", metavar="FILE", help="Conversations to measure on; repeatable.")
    ] = None,
    base: Base = "Qwen2.5-Coder-0.5B-Instruct",
    start: Start = None,
    epochs: Annotated[float, Option("--epochs", help="Passes over the turns.")] = 1.0,
    keep: Keep = 0.0,
    max_steps: MaxSteps = None,
    as_json: Json = False,
) -> dict[str, Any]:
    """Teach the assistant what a turn asks for beside those before it: an adapter of the writer, for assistant.turns.

    Example: recsys finetune turns --conversations own.jsonl --out adapter
    """
    from recsys.assistant import turn_training
    from recsys.llm.causal_pair_training import CausalPairConfig

    wanted = config(CausalPairConfig, epochs=epochs, keep=keep, max_steps=max_steps)
    report = turn_training.train(
        conversations, out, wanted, base=base, held_out=held_out or (), start=start, progress=interactive()
    )
    held = f"; the right tool in {report['right']:.1%} of held-out turns" if "right" in report else ""
    return _taught(report, "turns", held, out)


@app.command("wishes")
@command
def wishes(
    shelves: Annotated[
        list[Path], file("--shelves", help="Products with what shoppers wish for beside them (JSON lines); repeatable.")
    ],
    out: Out,
    held_out: Annotated[
        list[Path] | None, Option("--held-out", metavar="FILE", help="Shelves to measure on; repeatable.")
    ] = None,
    base: Base = "Qwen2.5-Coder-0.5B-Instruct",
    start: Start = None,
    epochs: Annotated[float, Option("--epochs", help="Passes over the shelves.")] = 1.0,
    keep: Keep = 0.0,
    max_steps: MaxSteps = None,
    as_json: Json = False,
) -> dict[str, Any]:
    """Teach the assistant which products are what a wish asks for: an adapter of the writer, for assistant.wishes.

    Example: recsys finetune wishes --shelves own.jsonl --out adapter
    """
    from recsys.assistant import wish_training
    from recsys.llm.causal_pair_training import CausalPairConfig

    wanted = config(CausalPairConfig, epochs=epochs, keep=keep, max_steps=max_steps)
    report = wish_training.train(
        shelves, out, wanted, base=base, held_out=held_out or (), start=start, progress=interactive()
    )
    held = f"; AUC on held-out shelves {report['auc']:.3f}" if "auc" in report else ""
    return _taught(report, "pairs", held, out)


@app.command("answerability")
@command
def answerability(
    questions: Annotated[
        list[Path],
        file("--questions", help="Questions with texts that answer them or do not (JSON lines); repeatable."),
    ],
    out: Out,
    held_out: Annotated[
        list[Path] | None, Option("--held-out", metavar="FILE", help="Questions to measure on; repeatable.")
    ] = None,
    base: Annotated[
        str,
        Option("--base", help="Model the adapter is for: an encoder, or a causal one such as the default writer."),
    ] = "multilingual-e5-small",
    start: Start = None,
    epochs: Annotated[
        float | None,
        Option("--epochs", help="Passes over the questions; by default two, with a causal model one."),
    ] = None,
    keep: Keep = 0.0,
    max_steps: MaxSteps = None,
    as_json: Json = False,
) -> dict[str, Any]:
    """Teach the assistant which texts answer a question: an adapter of the multilingual encoder or of the writer.

    Example: recsys finetune answerability --questions questions.jsonl --out adapter
    """
    from recsys.assistant import answerability_training

    wanted = config(answerability_training.config_of(base), epochs=epochs, keep=keep, max_steps=max_steps)
    report = answerability_training.train(
        questions, out, wanted, base=base, held_out=held_out or (), start=start, progress=interactive()
    )
    held = f"; AUC on held-out questions {report['auc']:.3f}" if "auc" in report else ""
    return _taught(report, "pairs", held, out)


@app.command("sentiment")
@command
def sentiment(
    labels: Annotated[
        list[Place], file("--labels", help="Table with review and positive (or rating) [, category]; repeatable.")
    ],
    out: Out,
    encoder: Annotated[
        list[str] | None,
        Option("--encoder", help="Encoder to read with; repeatable. Default: the settings'."),
    ] = None,
    most: Annotated[
        int | None,
        Option("--most", metavar="N", help="Reviews encoded of each category."),
    ] = None,
    as_json: Json = False,
) -> dict[str, Any]:
    """Fit the sentiment of reviews to labels: one logistic regression per encoder, one on words per language.

    Example: recsys finetune sentiment --labels reviews.parquet --out sentiment
    """
    import pandas as pd

    from recsys.data.sources import read_table
    from recsys.encoders.loading import review_encoder
    from recsys.reviews import training

    settings = load_settings()
    read = pd.concat([training.read_labels(read_table(place), str(place)) for place in labels], ignore_index=True)
    names = encoder or [settings.encoder.name]
    encoders = [review_encoder(settings, name) for name in names]
    figures = training.fit_sentiment(read, encoders, out, most=most, progress=interactive())
    said = ", ".join(f"{figure.get('encoder', name)} AUC {figure['auc']}" for name, figure in figures.items())
    return {"models": figures, "out": str(out), "line": f"{len(read):,} labelled reviews: {said}; {out}"}


def _taught(report: dict[str, float], of: str, held: str, out: Path) -> dict[str, Any]:
    """The report of an adapter that was taught, with its line: from how many of what, its losses, what it measures."""
    line = f"{report[of]} {of}, {report['steps']} updates: loss {report['loss_first']:.3f} -> {report['loss_last']:.3f}"
    return {**report, "out": str(out), "line": f"{line}{held}; {out}"}


def _learnt(report: TuningReport, what: str, out: Path) -> dict[str, Any]:
    return {
        **report.model_dump(exclude={"history"}),
        "out": str(out),
        "line": f"{report.train_examples} {what}, {report.steps} updates: perplexity on held-out ones "
        f"{report.perplexity_before:.2f} -> {report.perplexity:.2f}; {out}",
    }


@app.command("encoder")
@command
def encoder(
    artifacts: Artifacts = None,
    out: Annotated[
        Path | None,
        Option("--out", metavar="DIR", help="Directory to make; default: encoders/HASH among the artifacts."),
    ] = None,
    minutes: Annotated[float, Option("--minutes", help="Time for learning; measuring comes on top.")] = 20.0,
    max_steps: MaxSteps = None,
    as_json: Json = False,
) -> dict[str, Any]:
    """Teach the encoder what the live version's shoppers buy together; kept only if the inner split improves.

    It starts from the encoder of the settings. The next nightly run that names the result encodes items and histories
    with it, and its gate compares the two rankers.

    Example: recsys finetune encoder --artifacts shop --minutes 10
    """
    from recsys.pipeline import adaptation

    settings = load_settings(artifacts=artifacts)
    wanted = config(adaptation.AdaptationConfig, minutes=minutes, steps=max_steps)
    result = adaptation.adapt(settings, wanted, out=out, progress=interactive())
    moved = "; ".join(
        f"{name} {old.value:.4f} -> {now.value:.4f} ({gain.value:+.4f} [{gain.low:+.4f}, {gain.high:+.4f}])"
        for name, (old, now, gain) in result.figures.items()
    )
    done = f"{result.notes['steps']} updates, loss {result.notes['loss_first']:.3f} -> {result.notes['loss_last']:.3f}"
    verdict = (
        f"use it with RECSYS_ENCODER__NAME={result.out} recsys nightly --artifacts {settings.artifacts}"
        if result.kept
        else "not kept, nothing written: the inner split did not improve"
    )
    return {
        **result.notes,
        "figures": {
            name: {k: [e.value, e.low, e.high] for k, e in zip(("base", "adapted", "gain"), row, strict=True)}
            for name, row in result.figures.items()
        },
        "out": result.out,
        "refused": not result.kept,
        "line": f"{done}; on {result.notes['users']} shoppers {moved}; {verdict}",
    }
