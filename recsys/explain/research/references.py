"""Reference-based evaluation of free-text explanations: BLEU and ROUGE of every writer on the same held-out pairs.

References of one kind are much alike, so overlap means something only beside the best constant sentence: the one that,
said to everybody, scores highest. It stands in the table as a rival.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import pandas as pd

from recsys.errors import BadInput, require
from recsys.evaluation import metrics
from recsys.explain.evaluate import overlap, rouge_scores
from recsys.explain.grounding import unsourced
from recsys.explain.research import consensus
from recsys.explain.training import (
    ABOUT_ITEM,
    ABOUT_USER,
    EXPLANATION,
    reference_prompt,
    short,
    usable_references,
)
from recsys.explain.writer import TEMPLATE, ZERO_SHOT
from recsys.llm import gpt
from recsys.progress import progress_bar, strides
from recsys.settings import Settings

DRAFTS = 12
#: Rows of the table.
BY_BLEU, BY_ROUGE = "best constant by BLEU-4", "best constant by ROUGE-L"
GREEDY, CONSENSUS = "tuned, greedy", f"tuned, consensus of {DRAFTS}"
#: How columns end that hold what other systems wrote.
PREDICTED = "_pred"
#: Explanations of other pairs among which the best constant sentence is looked for.
CONSTANTS = 200

LIKELIEST = gpt.Sampling(max_new_tokens=80, temperature=0.0, stop=("\n",))
DRAFTED = gpt.Sampling(max_new_tokens=80, temperature=0.5, top_p=0.95, stop=("\n",))
_TASTE = re.compile(r"\b(?:enjoy|like|love|prefer|appreciate)s?\s+(.+)", re.IGNORECASE | re.DOTALL)
#: Pairs written for between two steps of the progress bar.
_STRIDE = 8


@dataclass(frozen=True)
class Comparison:
    """Overlap of each writer's texts with the references.

    Attributes
    ----------
    references
        Pairs that were compared.
    table
        One row per writer: ``bleu1, bleu4`` (0-100), ``rouge1, rouge2, rougeL`` (0-1), ``grounded`` (share of texts
        without a number or name that both profiles lack), and by how much its ROUGE-L is ``ahead`` of the constant
        sentence that is best by it, with a paired 95% bootstrap interval over pairs (``low, high``).
    constants
        The constant sentences, by the name of their row.
    """

    references: int
    table: pd.DataFrame
    constants: dict[str, str]

    def best(self, column: str) -> str:
        """The writer with the greatest figure in this column; the first of equals."""
        return str(self.table[column].idxmax())


def compare(settings: Settings, table: pd.DataFrame, size: int, *, progress: bool = False) -> Comparison:
    """Compare writers on the first `size` usable rows of `table`, whose explanations are the references.

    The template's opening and the constant sentences come from the other rows. Where there are no others they come
    from the same rows, which flatters them.

    The rows are a template around the shopper's profile, the best constant sentences, the settings' writer without an
    adapter, the same with the adapter that the settings name (greedy, and as a consensus of drafts), and every column
    that ends in ``_pred``.

    Parameters
    ----------
    table
        ``user_profile, item_profile, explanation``, and texts of other systems in columns that end in ``_pred``.

    Raises
    ------
    BadInput
        A column is missing, too few rows are usable, `size` is below 1, or the writer cannot be used.
    ArtifactError
        The adapter is missing, damaged, or of another model.
    """
    if size < 1:
        raise BadInput(f"--explanations {size}: at least 1 is needed")
    usable = usable_references(table)
    rows, others = usable.iloc[:size], usable.iloc[size:]
    truth = rows[EXPLANATION].tolist()
    # What may be refused comes first: the rest is slower.
    by_model = _by_models(settings, rows, progress)
    known = (others if len(others) else rows)[EXPLANATION].tolist()
    constants = best_constants(known, truth, progress=progress)
    written = {TEMPLATE: templates(rows[ABOUT_USER].tolist(), known)}
    written |= {name: [text] * len(rows) for name, text in constants.items()}
    written |= by_model
    for column in usable.columns:
        if str(column).endswith(PREDICTED):
            written[str(column)] = rows[column].fillna("").astype(str).tolist()
    return Comparison(len(rows), _figures(rows, written), constants)


def templates(profiles: Sequence[str], explanations: Sequence[str]) -> list[str]:
    """Template baseline: the commonest opening, then what the profile says the shopper enjoys.

    The opening is what most often stands before "because" in `explanations`. How explanations of this kind begin is no
    merit of a writer, so the template gets it, too.
    """
    openings = Counter(text.split(" because ")[0] for text in explanations if " because " in text)
    opening = openings.most_common(1)[0][0] if openings else "The user would buy it"
    out = []
    for profile in profiles:
        taste = _TASTE.search(profile)
        out.append(f"{opening} because " + (f"they enjoy {short(taste[1])}" if taste else short(profile)))
    return out


def best_constants(candidates: Sequence[str], references: Sequence[str], *, progress: bool = False) -> dict[str, str]:
    """Constant baselines: of the first `CONSTANTS` different candidates, those that score best said to everybody.

    Returns
    -------
    dict of str
        The best by corpus BLEU-4 and the best by mean ROUGE-L, by the names of their rows; the first of equals.
    """
    sacrebleu = require("sacrebleu", "evaluation")

    texts = list(dict.fromkeys(candidates))[:CONSTANTS]
    bleu = sacrebleu.BLEU(references=[list(references)])  # reads the references once, not once per candidate
    figures = np.empty((len(texts), 2))
    with progress_bar(progress) as bar:
        for row, text in enumerate(bar.track(texts, description="best constant sentence")):
            same = [text] * len(references)
            rouge = rouge_scores(same, references, ["rougeL"])["rougeL"].mean()
            figures[row] = bleu.corpus_score(same, None).score, rouge
    by_bleu, by_rouge = figures.argmax(0)
    return {BY_BLEU: texts[by_bleu], BY_ROUGE: texts[by_rouge]}


def chat(about_user: str, about_item: str) -> list[dict[str, str]]:
    """Zero-shot prompt: the request in plain words, for a model that was not tuned on references."""
    return [
        {"role": "system", "content": "You explain in one or two sentences why a user would buy an item."},
        {
            "role": "user",
            "content": f"User: {short(about_user)}\nItem: {short(about_item)}\nWhy would the user buy this item?",
        },
    ]


def _by_models(settings: Settings, rows: pd.DataFrame, progress: bool) -> dict[str, list[str]]:
    """Texts of the settings' writer, bare and with the adapter that they name; none where it is the template."""
    e = settings.explain
    if e.writer == TEMPLATE:
        return {}
    pairs = list(zip(rows[ABOUT_USER], rows[ABOUT_ITEM], strict=True))
    out: dict[str, list[str]] = {}
    if e.adapter is not None and not e.writer.startswith(gpt.ENDPOINT):
        tuned = gpt.load(e.writer, e.adapter, batch_size=e.batch_size, offline=settings.offline)
        prompts: list[gpt.Prompt] = [reference_prompt(*pair) for pair in pairs]
        drafted = partial(consensus.write, tuned, sampling=DRAFTED, drafts=DRAFTS)
        out[GREEDY] = _written(partial(tuned.write, sampling=LIKELIEST), prompts, GREEDY, progress)
        out[CONSENSUS] = _written(drafted, prompts, CONSENSUS, progress)
        del tuned, drafted  # two models at once would take twice the memory
    bare: gpt.TextWriter
    if e.writer.startswith(gpt.ENDPOINT):
        bare = gpt.EndpointWriter(e.writer.removeprefix(gpt.ENDPOINT), timeout=e.seconds)
    else:
        bare = gpt.load(e.writer, batch_size=e.batch_size, offline=settings.offline)
    likeliest = partial(bare.write, sampling=LIKELIEST)
    return {ZERO_SHOT: _written(likeliest, [chat(*pair) for pair in pairs], ZERO_SHOT, progress)} | out


def _written(
    write: Callable[[Sequence[gpt.Prompt]], list[str]], prompts: Sequence[gpt.Prompt], name: str, progress: bool
) -> list[str]:
    parts = strides(prompts, _STRIDE, f"writing ({name})", shown=progress)
    return [text for some in parts for text in write(some)]


def _figures(rows: pd.DataFrame, written: dict[str, list[str]]) -> pd.DataFrame:
    truth = rows[EXPLANATION].tolist()
    sources = list(zip(rows[ABOUT_USER], rows[ABOUT_ITEM], strict=True))
    each = {name: rouge_scores(texts, truth, ["rougeL"])["rougeL"] for name, texts in written.items()}
    figures = {}
    for name, texts in written.items():
        ahead = metrics.difference(each[name], each[BY_ROUGE])
        grounded = np.mean([not unsourced(text, both) for text, both in zip(texts, sources, strict=True)])
        figures[name] = overlap(texts, truth) | {
            "grounded": float(grounded),
            "ahead": ahead.value,
            "low": ahead.low,
            "high": ahead.high,
        }
    return pd.DataFrame.from_dict(figures, orient="index")
