"""From evidence to a sentence: a writer puts it around slots, the program fills them, the check decides."""

from __future__ import annotations

import hashlib
import logging
import random
import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from recsys.encoders import pretrained
from recsys.errors import MissingExtra, RecsysError
from recsys.explain import grammar, grounding, slot_templates
from recsys.explain.facts import Facts
from recsys.explain.slot_templates import Plan
from recsys.explain.templates import template
from recsys.llm import gpt, tuning
from recsys.settings import ExplainSettings

log = logging.getLogger(__name__)

#: Adapter of the default writer, trained by `recsys finetune explainer`.
ADAPTER = Path(__file__).parent / "adapter"
TEMPLATE = "template"
#: Name of the writer without its adapter, asked in plain words.
ZERO_SHOT = "zero-shot"
MAX_NEW_TOKENS = 72
#: After a failed check, one more try: local writers then keep to wordings that are known to be true.
TRIES = 2
_CACHED_FORMS = 100_000
#: Sentences of the grammar over whose prefix tree a guided writer writes.
WORDINGS = 96


@dataclass(frozen=True)
class Reason:
    """A sentence that passed the check.

    Attributes
    ----------
    sentence
        What the shopper reads.
    form
        The same before its slots were filled ('' for a template).
    writer
        Who wrote it: `template`, or the writer's name.
    tries
        How often the writer was asked.
    refused
        What the check found in the tries that were not delivered, first try first.
    """

    sentence: str
    form: str
    writer: str
    tries: int = 0
    refused: tuple[str, ...] = ()


class ReasonWriter:
    """Writes reasons with one `TextWriter`, and with the plain template where it fails.

    What is written depends on the evidence and the writer alone: the seed of a sentence is a hash of its evidence, and
    forms are cached by (writer, plan, seed).
    """

    def __init__(
        self,
        writer: gpt.TextWriter | None,
        settings: ExplainSettings,
        *,
        trained: bool = False,
        guided_from: int = TRIES,
    ) -> None:
        """`trained` writers continue `Plan.line`, others read plain words; from try `guided_from` on (0 is the first)
        the writer keeps to the grammar's wordings, which only local ones can.
        """
        self._writer = writer
        self._settings = settings
        self._trained = trained
        self._guided_from = guided_from
        self._forms: OrderedDict[tuple[str, int, int], str] = OrderedDict()
        self._lock = threading.Lock()

    @classmethod
    def load(cls, settings: ExplainSettings, *, offline: bool = False) -> ReasonWriter:
        """The writer that the settings name.

        Raises
        ------
        BadInput, ArtifactError, RecsysError
            There is no such model or adapter, or its weights could not be fetched.
        """
        if settings.language == "en" and settings.writer.startswith(gpt.ENDPOINT):
            return cls(
                gpt.EndpointWriter(settings.writer.removeprefix(gpt.ENDPOINT), timeout=settings.seconds), settings
            )
        try:
            local = load_local(settings, offline=offline)
        except MissingExtra as error:
            log.warning("templates write the reasons: %s", error)
            local = None
        return cls(None, settings) if local is None else cls.around(local, settings)

    @classmethod
    def around(cls, local: gpt.LocalWriter, settings: ExplainSettings) -> ReasonWriter:
        """A writer of reasons around a model that `load_local` loaded for these settings."""
        home = adapter_of(settings) or pretrained.resolve(settings.writer, offline=True)
        trained = (home / tuning.REPORT).is_file()
        return cls(local, settings, trained=trained, guided_from=0 if settings.guided else 1)

    @property
    def name(self) -> str:
        """The writer's name."""
        return self._writer.name if self._writer else TEMPLATE

    def write(self, facts: Sequence[Facts]) -> list[Reason]:
        """A reason for each set of facts; one writing at a time, because a model uses all cores."""
        plans = [Plan.of(f, self._settings.tone, self._settings.length) for f in facts]
        plain = [plain_reason(f, self._settings) for f in facts]
        if self._writer is None or not facts:
            return plain
        try:
            with self._lock:
                return self._write(facts, plans, plain)
        except RecsysError as error:  # an endpoint that does not answer must not take the reasons down with it
            log.warning("the writer failed: %s; templates are delivered", error)
            return plain

    def _write(self, facts: Sequence[Facts], plans: Sequence[Plan], plain: Sequence[Reason]) -> list[Reason]:
        reasons = list(plain)
        refused: list[tuple[str, ...]] = [()] * len(plans)
        todo = list(range(len(plans)))
        for attempt in range(TRIES):
            written = self._ask([plans[i] for i in todo], attempt)
            for i, form in zip(todo, written, strict=True):
                sentence, wrong = judge(form, plans[i], facts[i])
                if wrong:
                    refused[i] = (*refused[i], wrong)
                else:
                    reasons[i] = Reason(sentence, form, self.name, attempt + 1, refused[i])
            todo = [i for i in todo if reasons[i].writer == TEMPLATE]
            if not todo:
                break
        for i in todo:
            reasons[i] = Reason(plain[i].sentence, "", TEMPLATE, TRIES, refused[i])
        return reasons

    def _ask(self, plans: Sequence[Plan], attempt: int) -> list[str]:
        """Forms of plans, each (plan, seed) written once."""
        assert self._writer is not None
        keys = [(plan.line, self._seed(plan), attempt) for plan in plans]
        missing = {key: plan for key, plan in zip(keys, plans, strict=True) if key not in self._forms}
        if missing:
            sampling = gpt.Sampling(max_new_tokens=MAX_NEW_TOKENS, temperature=self._settings.temperature, stop=("\n",))
            prompts: list[gpt.Prompt] = [p.line if self._trained else slot_templates.chat(p) for p in missing.values()]
            seeds = [int.from_bytes(_digest(*map(str, key))[:7], "big") for key in missing]
            guide: dict[str, Any] = {}
            if attempt >= self._guided_from:
                guide["within"] = [_wordings(p, seed) for p, seed in zip(missing.values(), seeds, strict=True)]
            for key, text in zip(missing, self._writer.write(prompts, sampling, seeds=seeds, **guide), strict=True):
                self._forms[key] = slot_templates.tidy(text)
        out = [self._forms[key] for key in keys]
        while len(self._forms) > _CACHED_FORMS:
            self._forms.popitem(last=False)
        return out

    def key(self, facts: Facts) -> tuple[str, int]:
        """What a text depends on: facts with equal keys get equal wordings."""
        plan = Plan.of(facts, self._settings.tone, self._settings.length)
        return plan.line, self._seed(plan)

    def _seed(self, plan: Plan) -> int:
        content = _digest(plan.line, *(f"{k}={v}" for k, v in sorted(plan.values.items())))
        return int.from_bytes(content[:8], "big") % self._settings.variants


def adapter_of(settings: ExplainSettings) -> Path | None:
    """The adapter that the settings name; the default writer brings its own."""
    return settings.adapter or (ADAPTER if settings.writer == gpt.DEFAULT and ADAPTER.is_dir() else None)


def load_local(settings: ExplainSettings, *, bare: bool = False, offline: bool = False) -> gpt.LocalWriter | None:
    """The model on this machine that the settings name (`bare`: without its adapter), None where they name none.

    Raises
    ------
    BadInput, ArtifactError, RecsysError
        There is no such model or adapter, or its weights could not be fetched.
    """
    if settings.writer == TEMPLATE or settings.language != "en" or settings.writer.startswith(gpt.ENDPOINT):
        return None
    adapter = None if bare else adapter_of(settings)
    return gpt.load(settings.writer, adapter, batch_size=settings.batch_size, offline=offline)


def plain_reason(facts: Facts, settings: ExplainSettings) -> Reason:
    """The template's sentence."""
    plan = Plan.of(facts, settings.tone, settings.length)
    return Reason(template(plan, settings.language), "", TEMPLATE)


def judge(form: str, plan: Plan, facts: Facts) -> tuple[str, str]:
    """``(sentence, what is wrong with it)``; the second is '' where nothing is."""
    if wrong := slot_templates.malformed(form, plan):
        return "", wrong
    sentence = plan.sentence(form)
    return sentence, "; ".join(grounding.check(sentence, facts))


def _wordings(plan: Plan, seed: int) -> list[str]:
    """Sentences of the grammar that a guided writer may choose its words from."""
    rng = random.Random(seed)  # noqa: S311 - variety, not security
    return [f" {grammar.sentence(plan, rng)}" for _ in range(WORDINGS)]


def _digest(*parts: str) -> bytes:
    return hashlib.sha256("\x1f".join(parts).encode("utf-8", "replace")).digest()
