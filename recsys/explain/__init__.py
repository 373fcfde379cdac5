"""Explanations of recommendations: faithful attribution, evidence counted in the tables, and the sentence.

A sentence may only say what a person can look up: each claim has a measure (`measures`), each named purchase matters to
the score (`evidence`), and the reasons of a list are chosen together (`selection`).
"""

from __future__ import annotations

import logging
import math
import threading
from collections.abc import Callable, Hashable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as LateError
from dataclasses import asdict, dataclass
from html import escape
from typing import Any

from recsys.data.histories import Profile
from recsys.data.snapshot import Snapshot
from recsys.errors import ArtifactError, BadInput, RecsysError
from recsys.explain import bars
from recsys.explain.evidence import EncodeHistory, Evidence, Part, Purchase, gather
from recsys.explain.facts import Choice, Facts, Past, Product
from recsys.explain.grounding import check
from recsys.explain.measures import Kind, Measure
from recsys.explain.selection import choose
from recsys.explain.statistics import ShopStatistics
from recsys.explain.writer import Reason, ReasonWriter, plain_reason
from recsys.ranking.ranker import Ranker
from recsys.settings import ExplainSettings

__all__ = [
    "Choice",
    "Evidence",
    "ExplainSettings",
    "Explainer",
    "Explanation",
    "Facts",
    "Kind",
    "Measure",
    "Part",
    "Past",
    "Product",
    "Purchase",
    "Reason",
    "ReasonWriter",
    "ShopStatistics",
    "check",
    "choose",
    "gather",
]

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Explanation:
    """Why one item was recommended to one shopper: the exact evidence, and the sentence made from it.

    Attributes
    ----------
    evidence
        Parts of the score, worth of each purchase, facts.
    reason
        The sentence, who wrote it, and what the check refused on the way.
    """

    evidence: Evidence
    reason: Reason

    @property
    def item_id(self) -> str:
        """The item."""
        return self.evidence.item_id

    @property
    def sentence(self) -> str:
        """What the shopper reads; '' where nothing worth saying is true."""
        return self.reason.sentence

    @property
    def kind(self) -> str | None:
        """The kind of evidence the sentence tells."""
        return None if self.evidence.facts.choice is None else self.evidence.facts.choice.kind.value

    @property
    def because(self) -> tuple[str, ...]:
        """Ids of the purchases (or looks) that the sentence names."""
        return self.evidence.because

    @property
    def figures(self) -> list[dict[str, Any]]:
        """What the tables count for each thing of the history that could be named ("9 of 42 orders"), with bounds."""
        return [
            {
                "item_id": past.item_id,
                "kind": measure.kind.value,
                "count": measure.count,
                "of": measure.of,
                "unit": measure.unit,
                "lower": measure.lower,
                "chance": measure.chance,
                "word": measure.band,
                "text": measure.text,
            }
            for past in self.evidence.facts.because
            for measure in past.measures.values()
        ]

    @property
    def writer(self) -> str:
        """Who wrote the sentence."""
        return self.reason.writer

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        evidence = self.evidence
        return {
            "item_id": evidence.item_id,
            "sentence": self.sentence or None,
            "kind": self.kind,
            "because": list(self.because),
            "figures": self.figures,
            "writer": self.writer or None,
            "logit": evidence.logit,
            "baseline": evidence.baseline,
            "personal": evidence.personal,
            "contributions": [{k: v for k, v in asdict(p).items() if k != "kinds"} for p in evidence.parts],
            "purchases": [{k: v for k, v in asdict(p).items() if k != "row"} for p in evidence.purchases],
            "decisive": list(evidence.decisive),
            "facts": asdict(evidence.facts),
        }

    def _repr_html_(self) -> str:
        evidence = self.evidence
        parts = {part.block: part.value for part in evidence.parts}
        scale = bars.reach([{name: value} for name, value in parts.items()])
        rows = [
            [escape(part.block), f"{part.value:+.2f}", bars.bar({part.block: part.value}, {part.block: colour}, scale)]
            for part, colour in ((part, bars.COLOURS[0 if part.value > 0 else 1]) for part in evidence.parts)
        ]
        chance = 1 / (1 + math.exp(-evidence.logit))
        return (
            f"<blockquote>{escape(self.sentence)}</blockquote>{bars.table(('block', 'log-odds', ''), rows)}"
            f"<p>The usual item has log-odds of {evidence.baseline:.2f} for this shopper; with all parts "
            f"{escape(evidence.item_id)} has {evidence.logit:.2f}, a score of {chance:.2%}. {evidence.personal:.0%} of "
            "what speaks for it is about the shopper, the rest about the item alone.</p>"
        )


class Explainer:
    """Explains scores of one ranker on one snapshot; safe to use from several threads.

    The statistics are counted, and the writer loaded, when first needed.
    """

    def __init__(
        self,
        snapshot: Snapshot,
        ranker: Ranker,
        settings: ExplainSettings | None = None,
        *,
        writer: Callable[[], ReasonWriter] | None = None,
        encode_history: EncodeHistory | None = None,
    ) -> None:
        """`writer` replaces the one the settings name; `encode_history` is as in `gather`."""
        self.settings = settings or ExplainSettings()
        self.statistics = ShopStatistics(snapshot, self.settings.language)
        self.ranker = ranker
        self.encode_history = encode_history
        self._make_writer = writer or (lambda: ReasonWriter.load(self.settings))
        self._writer: ReasonWriter | None = None
        self._lock = threading.Lock()
        self._background = ThreadPoolExecutor(1, thread_name_prefix="reasons")

    @property
    def writer(self) -> ReasonWriter:
        """The writer, loaded once."""
        with self._lock:
            if self._writer is None:
                self._writer = self._make_writer()
            return self._writer

    def evidence(self, profile: Profile, codes: Sequence[int], *, user: int | None = None) -> list[Evidence]:
        """Evidence for items (catalogue codes) of one shopper (whose code is `user`, where the shop knows them)."""
        return gather(self.statistics, self.ranker, profile, codes, user=user, encode_history=self.encode_history)

    def explain(self, profile: Profile, code: int, *, user: int | None = None) -> Explanation:
        """Explain one score while a reader waits.

        After ``settings.seconds`` (loading the writer included), or where the writer cannot be loaded, the plain
        sentence is delivered; what the writer finishes later is in its cache for the next reader.
        """
        evidence = self.evidence(profile, [code], user=user)[0]
        work = self._background.submit(lambda: self.writer.write([evidence.facts])[0])
        try:
            reason = work.result(timeout=self.settings.seconds)
        except LateError:
            log.warning("the writer took longer than %s s; the plain sentence is delivered", self.settings.seconds)
            reason = plain_reason(evidence.facts, self.settings)
        except RecsysError as error:
            log.warning("no writer: %s; the plain sentence is delivered", error)
            reason = plain_reason(evidence.facts, self.settings)
        return Explanation(evidence, reason)

    def explain_list(self, profile: Profile, codes: Sequence[int], *, user: int | None = None) -> list[Explanation]:
        """Reasons for the items of one shopper's list, chosen together, without a deadline."""
        return self.write(choose(self.evidence(profile, codes, user=user)), [0] * len(codes))

    def write(self, evidence: Iterable[Evidence], lists: Sequence[Hashable] | None = None) -> list[Explanation]:
        """Sentences for any number of pieces of evidence, in batches, without a deadline.

        Where the writer's weights cannot be fetched, the sentences are plain ones.

        Parameters
        ----------
        lists
            Which list each piece belongs to; the pieces of one list should have been chosen together (`choose`).

        Raises
        ------
        BadInput, ArtifactError
            The settings name a model or an adapter that cannot be used.
        """
        pieces = list(evidence)
        try:
            writer = self.writer
        except (BadInput, ArtifactError):
            raise
        except RecsysError as error:
            log.warning("no writer: %s; plain sentences are delivered", error)
            writer = ReasonWriter(None, self.settings)
        written = writer.write([e.facts for e in pieces], lists)
        return [Explanation(e, r) for e, r in zip(pieces, written, strict=True)]
