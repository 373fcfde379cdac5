"""Lessons for the writer: slots and kinds of evidence from the project's own grammar, or a shop's own references."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from recsys import gpt, tuning
from recsys.errors import BadInput
from recsys.explain import grammar
from recsys.schema import check_columns
from recsys.tuning import Example, TuningConfig, TuningReport

#: Columns of a table of reference explanations.
ABOUT_USER, ABOUT_ITEM, EXPLANATION = "user_profile", "item_profile", "explanation"
#: Words of each description that the writer reads.
PROFILE_WORDS = 45

#: Layers of the default writer that learn: its upper two thirds, so that gradients stop a third of the way up.
UPPER_LAYERS = r".*\.layers\.(1[0-9]|2[0-9])\..*_proj"
LESSON_CONFIG = TuningConfig(learning_rate=1e-3, max_steps=420, max_length=128)
REFERENCE_CONFIG = TuningConfig(learning_rate=1e-3, max_length=224, evaluations=2)


def lessons(*, seed: int = 7, per_plan: int = 26, held_out: int = 96) -> tuple[list[Example], list[Example]]:
    """Pairs of a plan and a sentence that says it, drawn from the grammar; plans without a second fact twice as often.

    No product, shopper or shop is in them: the writer learns to put evidence of a kind into words around slots, and
    whatever shop it later writes for is one it has not seen.
    """
    rng = random.Random(seed)  # noqa: S311 - sampling, not security
    drawn = [
        Example(plan.line, " " + grammar.sentence(plan, rng))
        for plan in grammar.plans()
        for _ in range(per_plan if plan.extra else 2 * per_plan)
    ]
    rng.shuffle(drawn)
    return drawn[:-held_out], drawn[-held_out:]


def reference_prompt(about_user: str, about_item: str) -> str:
    """What the writer reads of a shopper and an item before it explains in free words."""
    reader, item = (" ".join(text.split()[:PROFILE_WORDS]) for text in (about_user, about_item))
    return f"Reader: {reader}\nItem: {item}\nWhy:"


def reference_examples(table: pd.DataFrame) -> list[Example]:
    """Examples from a table of ``user_profile, item_profile, explanation``; rows with an empty cell are left out."""
    columns = [ABOUT_USER, ABOUT_ITEM, EXPLANATION]
    rows = check_columns(table, columns, "references")[columns].dropna().astype(str)
    rows = rows[(rows.apply(lambda column: column.str.strip()) != "").all(axis=1)]
    return [
        Example(reference_prompt(user, item), " " + text.strip()) for user, item, text in rows.itertuples(index=False)
    ]


def train_explainer(
    out: Path,
    base: str = gpt.DEFAULT,
    *,
    references: pd.DataFrame | None = None,
    config: TuningConfig | None = None,
    resume: bool = False,
    progress: bool = False,
) -> TuningReport:
    """Fine-tune a writer: on the grammar's lessons, or on `references` (free text, in place of slots).

    Raises
    ------
    BadInput
        The references have no usable row, or fewer than are needed to hold some out.
    """
    config = config or (LESSON_CONFIG if references is None else REFERENCE_CONFIG)
    if base == gpt.DEFAULT and config.target_modules == TuningConfig().target_modules:
        config = config.model_copy(update={"target_modules": UPPER_LAYERS})
    if references is None:
        train, valid = lessons()
        about = lesson_card(train)
        return tuning.finetune(base, train, valid, out, config, about=about, resume=resume, progress=progress)
    examples = reference_examples(references)
    if len(examples) < 20:
        raise BadInput(f"references: {len(examples)} usable rows; at least 20 are needed to train and to hold some out")
    kept = max(8, len(examples) // 20)
    return tuning.finetune(base, examples[:-kept], examples[-kept:], out, config, resume=resume, progress=progress)


def lesson_card(train: Sequence[Example]) -> str:
    """What the model card says of the grammar's lessons, with three of them."""
    shown = "\n".join(f"- `{e.prompt}`{e.completion}" for e in train[:3])
    return (
        "The examples are sentences with slots for kinds of evidence, drawn from this project's own grammar. No shop's "
        "data, product or shopper is in them. Names and numbers go into the slots afterwards, and every sentence "
        f"passes a grounding check before it is delivered.\n\n{shown}"
    )
