"""Fine-tuning examples for the writer: sampled from the project's own grammar, or a shop's reference explanations.

A guided writer needs none of it. A writer that is to word reasons freely learns the slots from the grammar, and one
that is to explain like a shop's own people learns from what they wrote.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from recsys.data.validation import with_columns
from recsys.errors import BadInput
from recsys.explain import grammar
from recsys.llm import gpt, tuning
from recsys.llm.tuning import Example, TuningConfig, TuningReport

#: Columns of a table of reference explanations.
ABOUT_USER, ABOUT_ITEM, EXPLANATION = "user_profile", "item_profile", "explanation"
#: Words of each description that the writer reads.
PROFILE_WORDS = 45
#: Fewer references than this neither teach nor measure anything.
LEAST_REFERENCES = 20

#: Layers of the default writer that learn: its upper two thirds, so that gradients stop a third of the way up.
UPPER_LAYERS = r".*\.layers\.(1[0-9]|2[0-9])\..*_proj"
LESSON_CONFIG = TuningConfig(learning_rate=1e-3, max_steps=420, max_length=128)
REFERENCE_CONFIG = TuningConfig(learning_rate=1e-3, max_length=224, evaluations=2)


def lessons(*, seed: int = 7, per_plan: int = 26, held_out: int = 96) -> tuple[list[Example], list[Example]]:
    """Training and held-out examples sampled from the grammar: a plan as the prompt, a sentence as the completion.

    Plans without a second fact are drawn twice as often. No product, shopper or shop is in the examples: the writer
    learns to put kinds of evidence into words around slots.
    """
    rng = random.Random(seed)  # noqa: S311 - sampling, not security
    drawn = [
        Example(plan.line, " " + grammar.sentence(plan, rng))
        for plan in grammar.plans()
        for _ in range(per_plan if plan.extra else 2 * per_plan)
    ]
    rng.shuffle(drawn)
    return drawn[:-held_out], drawn[-held_out:]


def short(profile: str) -> str:
    """The first `PROFILE_WORDS` words of a description."""
    return " ".join(profile.split()[:PROFILE_WORDS])


def reference_prompt(about_user: str, about_item: str) -> str:
    """Prompt of a free-text explanation: the beginnings of the shopper's and the item's descriptions."""
    return f"Reader: {short(about_user)}\nItem: {short(about_item)}\nWhy:"


def usable_references(table: pd.DataFrame) -> pd.DataFrame:
    """Complete rows of a reference table (``user_profile, item_profile, explanation``), as stripped text.

    Other columns are kept as they are.

    Raises
    ------
    BadInput
        A column is missing, or fewer than `LEAST_REFERENCES` rows are left.
    """
    columns = [ABOUT_USER, ABOUT_ITEM, EXPLANATION]
    rows = with_columns(table, columns, "references").dropna(subset=columns).reset_index(drop=True)
    for column in columns:
        rows[column] = rows[column].astype(str).str.strip()
    rows = rows[(rows[columns] != "").all(axis=1)].reset_index(drop=True)
    if len(rows) < LEAST_REFERENCES:
        raise BadInput(
            f"references: {len(rows)} rows with {', '.join(columns)} filled in; at least {LEAST_REFERENCES} are needed"
        )
    return rows


def reference_examples(rows: pd.DataFrame) -> list[Example]:
    """Fine-tuning examples from the rows of `usable_references`."""
    columns = rows[[ABOUT_USER, ABOUT_ITEM, EXPLANATION]]
    return [Example(reference_prompt(user, item), f" {text}") for user, item, text in columns.itertuples(index=False)]


def train_explainer(
    out: Path,
    base: str = gpt.DEFAULT,
    *,
    references: pd.DataFrame | None = None,
    config: TuningConfig | None = None,
    resume: bool = False,
    progress: bool = False,
) -> TuningReport:
    """Fine-tune a writer by LoRA: on examples of the grammar, or on `references` (free text, in place of slots).

    Raises
    ------
    BadInput
        The references lack a column, or have too few usable rows to hold some out.
    """
    config = config or (LESSON_CONFIG if references is None else REFERENCE_CONFIG)
    if base == gpt.DEFAULT and config.target_modules == TuningConfig().target_modules:
        config = config.model_copy(update={"target_modules": UPPER_LAYERS})
    if references is None:
        train, valid = lessons()
        about = lesson_card(train)
        return tuning.finetune(base, train, valid, out, config, about=about, resume=resume, progress=progress)
    examples = reference_examples(usable_references(references))
    kept = max(8, len(examples) // 20)  # only measure
    return tuning.finetune(base, examples[:-kept], examples[-kept:], out, config, resume=resume, progress=progress)


def lesson_card(train: Sequence[Example]) -> str:
    """The model card's section on the grammar's examples, with three of them."""
    shown = "\n".join(f"- `{e.prompt}`{e.completion}" for e in train[:3])
    return (
        "The examples are sentences with slots for kinds of evidence, drawn from this project's own grammar. No shop's "
        "data, product or shopper is in them. Names and numbers go into the slots afterwards, and every sentence "
        f"passes a grounding check before it is delivered.\n\n{shown}"
    )
