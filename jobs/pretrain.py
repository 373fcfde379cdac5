"""Train a small GPT from scratch on text files or a catalogue.

Example: python -m jobs.pretrain --text items.parquet --out models/gpt --steps 2000
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import ValidationError

from jobs._cli import Json, command, interactive, main
from recsys.errors import BadInput


@command
def pretrain(
    text: Annotated[
        list[Path], typer.Option("--text", metavar="F", help="Text (.txt, .md, also .gz) or a catalogue (.parquet).")
    ],
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Directory of the model.")] = Path("models/gpt"),
    steps: Annotated[int, typer.Option("--steps", help="Updates.")] = 2_000,
    vocabulary: Annotated[int, typer.Option("--vocabulary", help="Tokens of the tokenizer.")] = 4_096,
    layers: Annotated[int, typer.Option("--layers", help="Layers.")] = 2,
    width: Annotated[int, typer.Option("--width", help="Components of a token's vector.")] = 384,
    heads: Annotated[int, typer.Option("--heads", help="Attention heads.")] = 6,
    block: Annotated[int, typer.Option("--block", help="Tokens seen at once.")] = 256,
    prompt: Annotated[str, typer.Option("--prompt", help="Beginning of the samples written on the way.")] = "",
    resume: Annotated[bool, typer.Option("--resume", help="Continue an interrupted run from its checkpoint.")] = False,
    as_json: Json = False,
) -> dict[str, Any]:
    """Train a tokenizer and a GPT and write an ordinary model directory.

    Quality is told in bits per byte of documents kept aside by their hash. On several devices or machines:
    `accelerate launch -m jobs.pretrain ...`.

    Example: python -m jobs.pretrain --text items.parquet --out models/gpt --steps 2000
    """
    from recsys.llm.pretraining import PretrainingConfig
    from recsys.llm.pretraining import pretrain as train

    try:
        config = PretrainingConfig(
            vocabulary=vocabulary,
            layers=layers,
            width=width,
            heads=heads,
            block=block,
            steps=steps,
            sample_prompt=prompt,
        )
    except ValidationError as error:
        first = error.errors()[0]
        raise BadInput(f"--{first['loc'][0]}: {first['msg']}") from None
    report = train(text, out, config, resume=resume, progress=interactive())
    return {
        **report.model_dump(exclude={"history", "samples"}),
        "out": str(out),
        "line": f"{report.parameters:,} parameters, {report.bits_per_byte:.3f} bits per byte held out, "
        f"perplexity {report.perplexity:.1f}: {out}",
    }


if __name__ == "__main__":
    main(pretrain)
