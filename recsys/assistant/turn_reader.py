"""Reading of a turn beside what it follows: the kind of thing it asks for, and which products shown it is about.

A causal cross-encoder is taught on conversations with the plan of each turn (`data/conversations`): the turns before
are its text, what the shopper types is the question. So it knows how people ask, in invented shops and the sample shop.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import expit, softmax

from recsys.assistant.adapters import WriterAdapter
from recsys.assistant.plans import ANGRY, CUSTOMER, FIND, KINDS, SHOWN, PlanExample, kind_of, tool_of
from recsys.assistant.tool_choice import COMPLAINT
from recsys.encoders.pair_training import LabelledPair
from recsys.llm.causal_cross_encoder import CausalCrossEncoder

OUTPUTS = (*KINDS, *(f"#{n}" for n in range(1, SHOWN + 1)), "goes_on")
"""Scores of the cross-encoder: of each kind of plan, of each product shown whether it is meant, and of whether what is
looked for or asked goes on with what the shopper said before."""
ADAPTER = "turns.safetensors"
"""The adapter's file, the package's own and in a directory that `recsys finetune turns` writes."""
KEPT_TOKENS = 1_000
"""Tokens of conversations whose keys and values are kept: a conversation does not come back."""
MEANT = 0.5
"""Probability from which a product is meant, and from which a turn goes on with what was said."""
_KEPT = 64
"""Turns whose reading is kept: several rules of the router ask about one."""
_WORD = re.compile(r"[a-z]{3,}")
_HAN = re.compile(r"(?=([\u3400-\u9fff]{2}))")


@dataclass(frozen=True)
class Read:
    """What a turn was read as.

    Attributes
    ----------
    kinds
        Probability of each of `plans.KINDS`.
    meant
        Probability of each product shown that the turn is about it, shape ``(SHOWN,)``.
    goes_on
        Probability that what is looked for is what the shopper said before, and this.
    """

    kinds: Mapping[str, float]
    meant: Sequence[float]
    goes_on: float

    @property
    def tools(self) -> dict[str, float]:
        """Probability of each tool, and of `COMPLAINT`."""
        found: dict[str, float] = {}
        for kind, chance in self.kinds.items():
            tool = tool_of_kind(kind)
            found[tool] = found.get(tool, 0.0) + chance
        return found

    @property
    def instead(self) -> str:
        """What is wanted in place of the products shown: ``others``, ``cheaper``, ``dearer``; '' for none of them."""
        kind = max(self.kinds, key=self.kinds.__getitem__)
        return kind.removeprefix(FIND).strip() if kind.startswith(FIND) else ""

    def numbered(self, most: int) -> list[int]:
        """Places, from 0, of the products shown that are meant, of the first `most`."""
        return [place for place, chance in enumerate(self.meant[:most]) if chance >= MEANT]


class TurnReader(WriterAdapter):
    """Reads turns.

    Parameters
    ----------
    encoder
        Scores a turn beside what it follows, in the order of `OUTPUTS`.
    """

    file = ADAPTER
    lost = "what a turn asks for is told by its words and its vector alone"
    kept_tokens = KEPT_TOKENS

    def __init__(self, encoder: CausalCrossEncoder) -> None:
        super().__init__(encoder)
        self._kept: dict[tuple[str, str], Read] = {}

    def __call__(self, question: str, before: str) -> Read:
        """Read a turn; `before` is what `dialogue.as_read` says of those before it."""
        if (known := self._kept.get((question, before))) is not None:
            return known
        (scores,) = self._encoder([(CUSTOMER.format(question), before)]).astype(np.float64)
        kinds = softmax(scores[: len(KINDS)]).tolist()
        *meant, goes_on = expit(scores[len(KINDS) :]).tolist()
        read = Read(dict(zip(KINDS, kinds, strict=True)), meant, goes_on)
        self._kept = dict(list(self._kept.items())[-_KEPT:]) | {(question, before): read}
        return read


def tool_of_kind(kind: str) -> str:
    """The tool of one of `plans.KINDS`, or `COMPLAINT`."""
    return COMPLAINT if kind == ANGRY else tool_of(kind)


def labelled(example: PlanExample) -> list[LabelledPair]:
    """What is learnt of a turn: each kind that it asks for, the products meant, and whether it goes on."""

    def pair(group: Iterable[int], label: int) -> LabelledPair:
        return LabelledPair(CUSTOMER.format(example.question), example.before, tuple(group), label)

    kinds = dict.fromkeys(kind_of(call) for call in example.calls)
    pairs = [pair(range(len(KINDS)), KINDS.index(kind)) for kind in kinds]
    numbered = {number for call in example.calls for number in call.get("items", ())}
    if numbered:
        pairs += [pair([OUTPUTS.index(f"#{n}")], int(n in numbered)) for n in range(1, example.shown + 1)]
    looks = [call["query"] for call in example.calls if "query" in call]
    if example.before and looks:
        pairs.append(pair([OUTPUTS.index("goes_on")], int(_goes_on(looks[0], example))))
    return pairs


def _goes_on(query: str, example: PlanExample) -> bool:
    """Whether what is looked for has words that the shopper said before, and not now."""
    earlier = [line for line in example.before.splitlines() if line.startswith("Earlier")]
    return bool((_words(query) - _words(example.question)) & _words(" ".join(earlier)))


def _words(text: str) -> set[str]:
    return {*_WORD.findall(text.lower()), *_HAN.findall(text)}
