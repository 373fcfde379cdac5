"""Data-to-text generation: a language model words the plan around slots, the program fills them.

A writer on this machine is guided: it may only go on with what continues a wording of the grammar, so that every
sentence is one that a person has read and nothing has to be parsed afterwards. Free writers (an endpoint, or
``explain.guided = false``) are checked against the tables' facts, asked once more, and else replaced by the template.
"""

from __future__ import annotations

import hashlib
import logging
import threading
from collections import OrderedDict
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
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

TEMPLATE = "template"
#: Name of the writer without the adapter that the settings name, asked in plain words.
ZERO_SHOT = "zero-shot"
MAX_NEW_TOKENS = 72
#: After a failed check, one more try: local writers then keep to wordings that are known to be true.
TRIES = 2
#: Within the grammar a writer cannot go astray, and draws so much more freely: it prefers one wording of nearly all.
_FREER = 4.0
_CACHED_FORMS = 100_000
#: Times a sentence is written again because its list has the same wording already.
REWRITES = 3


@dataclass(frozen=True)
class Reason:
    """A sentence that is true by its making or passed the check.

    Attributes
    ----------
    sentence
        What the shopper reads; '' where nothing worth saying is true.
    form
        The same before its slots were filled ('' for a template).
    writer
        Who wrote it: `template`, the writer's name, or '' where there is no sentence.
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
        """`trained` writers, and guided ones, continue `Plan.line`, others read plain words; after `guided_from`
        refusals the writer keeps to the grammar's wordings, which only local ones can.
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
        home = settings.adapter or pretrained.resolve(settings.writer, offline=True)
        trained = (home / tuning.REPORT).is_file()
        return cls(local, settings, trained=trained, guided_from=0 if settings.guided else 1)

    @property
    def name(self) -> str:
        """The writer's name."""
        return self._writer.name if self._writer else TEMPLATE

    def write(self, facts: Sequence[Facts], lists: Sequence[Hashable] | None = None) -> list[Reason]:
        """A reason for each set of facts; one writing at a time, because a model uses all cores.

        Parameters
        ----------
        lists
            Which list each reason belongs to: no list gets one wording twice while another is left.
        """
        plans = [Plan.of(f, self._settings.tone, self._settings.length) for f in facts]
        reasons = [plain_reason(f, self._settings) for f in facts]
        told = [i for i, plan in enumerate(plans) if plan is not None]
        if self._writer is None or not told:
            return reasons
        try:
            with self._lock:
                self._write(told, facts, plans, reasons, lists or range(len(facts)))
        except RecsysError as error:  # an endpoint that does not answer must not take the reasons down with it
            log.warning("the writer failed: %s; templates are delivered", error)
        return reasons

    def _write(
        self,
        told: Sequence[int],
        facts: Sequence[Facts],
        plans: Sequence[Plan | None],
        reasons: list[Reason],
        lists: Sequence[Hashable],
    ) -> None:
        """Replace the templates of these rows by what the writer words, as far as it is true and not said before."""
        refused: dict[int, tuple[str, ...]] = dict.fromkeys(told, ())
        said: set[tuple[Hashable, str]] = set()
        rows, failed, again = list(told), dict.fromkeys(told, 0), 0
        while rows and again <= REWRITES:
            asked = [plan for i in rows if (plan := plans[i]) is not None]
            guided = [self._guided_from <= failed[i] for i in rows]
            forms = self._ask(asked, [failed[i] for i in rows], guided, again)
            left = []
            for i, plan, form, safe in zip(rows, asked, forms, guided, strict=True):
                sentence, wrong = plan.sentence(form) if safe else "", ""
                if not safe:
                    sentence, wrong = judge(form, plan, facts[i])
                if wrong:
                    failed[i] += 1
                    refused[i] = (*refused[i], wrong)
                    left += [i] if failed[i] < TRIES else []
                    continue
                repeats = (lists[i], form) in said
                if not repeats or again == REWRITES or len(grammar.wordings(plan)) == 1:
                    reasons[i] = Reason(sentence, form, self.name, failed[i] + 1, refused[i])
                    said.add((lists[i], form))
                else:
                    left.append(i)
            again += 1
            rows = left
        for i in told:
            if reasons[i].writer == TEMPLATE:
                reasons[i] = Reason(reasons[i].sentence, "", TEMPLATE, failed[i], refused[i])

    def _ask(self, plans: Sequence[Plan], failed: Sequence[int], guided: Sequence[bool], again: int) -> list[str]:
        """Forms of plans, each (plan, seed) written once."""
        assert self._writer is not None
        keys = [
            (plan.line, self._seed(plan, again), tries * 2 + safe)
            for plan, tries, safe in zip(plans, failed, guided, strict=True)
        ]
        for safe in (False, True):
            missing = {
                key: plan
                for key, plan, is_safe in zip(keys, plans, guided, strict=True)
                if is_safe == safe and key not in self._forms
            }
            if not missing:
                continue
            temperature = self._settings.temperature * (_FREER if safe else 1.0)
            sampling = gpt.Sampling(max_new_tokens=MAX_NEW_TOKENS, temperature=temperature, stop=("\n",))
            prompts: list[gpt.Prompt] = [
                p.line if self._trained or safe else slot_templates.chat(p) for p in missing.values()
            ]
            seeds = [int.from_bytes(_digest(*map(str, key))[:7], "big") for key in missing]
            within: dict[str, Any] = {}
            if safe:
                within["within"] = [[f" {text}" for text in grammar.wordings(plan)] for plan in missing.values()]
            for key, text in zip(missing, self._writer.write(prompts, sampling, seeds=seeds, **within), strict=True):
                self._forms[key] = text.strip() if safe else slot_templates.tidy(text)
        out = [self._forms[key] for key in keys]
        while len(self._forms) > _CACHED_FORMS:
            self._forms.popitem(last=False)
        return out

    def key(self, facts: Facts) -> tuple[str, int] | None:
        """What a text depends on: facts with equal keys get equal wordings; None where there is nothing to tell."""
        plan = Plan.of(facts, self._settings.tone, self._settings.length)
        return None if plan is None else (plan.line, self._seed(plan))

    def _seed(self, plan: Plan, again: int = 0) -> int:
        content = _digest(plan.line, *(f"{k}={v}" for k, v in sorted(plan.values.items())), str(again))
        return int.from_bytes(content[:8], "big") % self._settings.variants


def load_local(settings: ExplainSettings, *, bare: bool = False, offline: bool = False) -> gpt.LocalWriter | None:
    """The model on this machine that the settings name (`bare`: without its adapter), None where they name none.

    Raises
    ------
    BadInput, ArtifactError, RecsysError
        There is no such model or adapter, or its weights could not be fetched.
    """
    if settings.writer == TEMPLATE or settings.language != "en" or settings.writer.startswith(gpt.ENDPOINT):
        return None
    adapter = None if bare else settings.adapter
    return gpt.load(settings.writer, adapter, batch_size=settings.batch_size, offline=offline)


def plain_reason(facts: Facts, settings: ExplainSettings) -> Reason:
    """The template's sentence; an empty one where there is nothing to tell."""
    plan = Plan.of(facts, settings.tone, settings.length)
    return Reason("", "", "") if plan is None else Reason(template(plan, settings.language), "", TEMPLATE)


def judge(form: str, plan: Plan, facts: Facts) -> tuple[str, str]:
    """``(sentence, what is wrong with it)``; the second is '' where nothing is."""
    if wrong := slot_templates.malformed(form, plan):
        return "", wrong
    sentence = plan.sentence(form)
    return sentence, "; ".join(grounding.check(sentence, facts))


def _digest(*parts: str) -> bytes:
    return hashlib.sha256("\x1f".join(parts).encode("utf-8", "replace")).digest()
