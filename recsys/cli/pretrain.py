"""Train a small GPT from scratch on text files or a catalogue."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from typer import Option

from recsys.cli._command import Json, command, config, file, interactive


@command
def pretrain(
    text: Annotated[list[Path], file("--text", help="Text (.txt, .md, also .gz) or a catalogue (.parquet).")],
    out: Annotated[Path, Option("--out", metavar="DIR", help="Directory of the model.")] = Path("models/gpt"),
    steps: Annotated[int | None, Option("--steps", help="Updates.")] = None,
    vocabulary: Annotated[int | None, Option("--vocabulary", help="Tokens of the tokenizer.")] = None,
    layers: Annotated[int | None, Option("--layers", help="Layers.")] = None,
    width: Annotated[int | None, Option("--width", help="Components of a token's vector.")] = None,
    heads: Annotated[int | None, Option("--heads", help="Attention heads.")] = None,
    block: Annotated[int | None, Option("--block", help="Tokens seen at once.")] = None,
    prompt: Annotated[str | None, Option("--prompt", help="Beginning of the samples written on the way.")] = None,
    resume: Annotated[bool, Option("--resume", help="Continue an interrupted run from its checkpoint.")] = False,
    as_json: Json = False,
) -> dict[str, Any]:
    """Train a tokenizer and a GPT and write an ordinary model directory; by default about five million parameters.

    Quality is told in bits per byte of documents kept aside by their hash. On several devices or machines:
    `accelerate launch -m jobs.pretrain ...`.

    Example: recsys pretrain --text items.parquet --out models/gpt --steps 2000
    """
    from recsys.llm.pretraining import PretrainingConfig
    from recsys.llm.pretraining import pretrain as train

    size = config(
        PretrainingConfig,
        vocabulary=vocabulary,
        layers=layers,
        width=width,
        heads=heads,
        block=block,
        steps=steps,
        sample_prompt=prompt,
    )
    report = train(text, out, size, resume=resume, progress=interactive())
    return {
        **report.model_dump(exclude={"history", "samples"}),
        "out": str(out),
        "line": f"{report.parameters:,} parameters, {report.bits_per_byte:.3f} bits per byte held out, "
        f"perplexity {report.perplexity:.1f}: {out}",
    }
