"""Every default, once.

Values come from keyword arguments, then the environment (``RECSYS_ENCODER__NAME=...``), then ``recsys.toml`` in the
working directory (or the file named by ``RECSYS_CONFIG``), then the defaults below.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from operator import attrgetter
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from recsys._privacy_settings import PrivacySettings
from recsys._serve_settings import ExperimentSettings, ServeSettings
from recsys._setting_names import Section as _Section
from recsys._setting_names import as_toml, names, refuse_unknown, variable_of
from recsys.errors import BadInput

PREFIX, DEFAULT_FILE = "RECSYS_", "recsys.toml"
#: Variables of ours that are no settings: where those are, how much is logged, what a process runs on, and secrets.
_OTHER_VARIABLES = (
    "RECSYS_CONFIG",
    "RECSYS_LOG",
    "RECSYS_PROGRESS",
    "RECSYS_DEVICE",
    "RECSYS_LOG_JSON",
    "RECSYS_KEYS",
    "RECSYS_TOKEN_SECRET",
    "RECSYS_ID_KEY",
    "RECSYS_VAULT_KEY",
)


class EncoderSettings(_Section):
    """The BERT encoder and the text it reads."""

    name: str = "all-MiniLM-L6-v2"
    """A local directory, one of the two pinned names, or any Hugging Face BERT-family model."""
    pooling: Literal["cls", "mean", "auto"] = "cls"
    """How token vectors become one vector; ``auto`` takes what a sentence-transformers directory says of itself."""
    max_length: int | None = Field(None, ge=8)
    """Tokens read of each text; by default 128, or what the model allows if that is less."""
    device: str | None = None
    """``cuda`` (every GPU), ``cuda:1``, ``cuda:0,cuda:1``, ``mps`` or ``cpu``; by default the best there is."""
    precision: Literal["auto", "fp32", "bf16", "int8"] = "auto"
    """Arithmetic of the encoder; ``auto`` is bf16 on CUDA and fp32 elsewhere."""
    template: tuple[str, ...] = ("title", "brand", "category", "text")
    """Columns that make up the text of an item, in order; those missing are skipped."""


class HistorySettings(_Section):
    """How a shopper's past is summarised."""

    max_words: int = Field(32, ge=1)
    """Words of the history text, most recent first; the encoder reads at most ``encoder.max_length`` tokens of it."""


class TrainingConfig(_Section):
    """How training pairs are made and the ranker is fitted."""

    slices: int = Field(3, ge=1)
    """Stretches of later time that are held out in turn, latest first; without global time, last events."""
    slice_share: float = Field(0.1, gt=0, lt=0.5)
    """Share of all events in one stretch."""
    users: int = Field(4_000, ge=1)
    """Shoppers per training window, sampled."""
    positives: int = Field(10, ge=1)
    """Purchases per shopper and window, sampled."""
    negatives: int = Field(60, ge=1)
    """Items drawn uniformly for each shopper and window, to tell the purchases from."""
    pairs: int = Field(1_000_000, ge=1_000)
    """Pairs in all; memory does not grow beyond this."""
    half_life: float = Field(8.0, gt=0)
    """Visits after which an item counts half in the mean of the shopper's item vectors."""
    strengths: tuple[float, ...] = (0.1, 0.3, 1.0)
    """Inverse regularisation strengths tried on the inner split; the one whose lists are best is kept."""
    sequence_passes: int = Field(30, ge=0)
    """Passes over all visits in which a small transformer learns what follows them, fewer in a large shop; with 0 the
    ranker has no block of it."""
    columns: tuple[str, ...] = ()
    """Further columns of items and users that are learnt from, by name; ``-name`` leaves one out. By default every one
    that can be learnt from."""
    extra_blocks: tuple[str, ...] = ()
    """Dotted names of your own feature blocks, as ``package.module.ClassName``."""


class RetrievalSettings(_Section):
    """How many items are scored for one list, and how they are found."""

    exhaustive_limit: int = Field(100_000, ge=0)
    """Catalogues up to this size are scored whole; larger ones by retrieved candidates."""
    candidates: int = Field(500, ge=10)
    """Candidates retrieved for one list above that size."""
    index: Literal["auto", "exact", "hnsw", "ivf"] = "auto"
    """How vectors are searched; ``auto`` chooses by count, dimensions and `memory`, and measures what it chose."""
    memory: int = Field(4 * 2**30, ge=2**20)
    """Bytes that a graph index may take before a smaller kind is chosen."""


class ClusterSettings(_Section):
    """Workers of ``--engine ray``; every worker loads one encoder, or opens one version."""

    workers: int = Field(2, ge=1)
    """Workers at most."""
    cpus_per_worker: float = Field(1.0, ge=0)
    """Cores that each worker holds."""
    gpus_per_worker: float = Field(0.0, ge=0)
    """GPUs that each worker holds; a fraction lets several share one."""
    batch: int = Field(4_096, ge=1)
    """Texts that a worker encodes at a time."""
    users_per_part: int = Field(10_000, ge=1)
    """Users whose lists are computed and saved together; an interrupted run continues after the last part."""
    scratch: Path | None = None
    """Where texts wait for workers; on several machines a directory that all of them see."""


class EvaluationSettings(_Section):
    """The offline protocol."""

    test_fraction: float = Field(0.15, gt=0, lt=0.5)
    """Share of the latest events that are held out."""
    negatives: int = Field(100, ge=1)
    """Uniform negatives per user, drawn once and frozen."""
    max_users: int = Field(3_000, ge=1)
    """Test users are sampled down to this number."""
    min_history: int = Field(1, ge=1)
    """Distinct items a test user must have had before the cut."""
    resamples: int = Field(1_000, ge=100)
    """Bootstrap resamples behind each interval."""


class IntakeSettings(_Section):
    """What is made of tables at the door."""

    max_bad: float = Field(0.2, ge=0, le=1)
    """Share of rows that cannot be used before the table is refused, with the commonest reasons."""
    keep_missing_days: float = Field(365.0, ge=0)
    """Days after its last event that a product which has left the feed is still learnt from (never recommended); it
    comes back with its history."""
    keep_days: float | None = Field(None, gt=0)
    """Days before the latest event after which events and impressions are dropped, in every version from then on; none
    keeps all."""
    vocabulary: Path | None = None
    """A TOML file of the form of `recsys/data/vocabulary.toml`: the shop's own names of columns, events and states."""


class GateSettings(_Section):
    """When a night's candidate may replace the live version."""

    margin: float = Field(0.005, ge=0)
    """Per-user AUC that the candidate may lose, beyond what chance explains, before it is refused."""
    max_drift: float = Field(1.0, gt=0)
    """How far the scores of a sample may move between nights, as a population stability index; see `pipeline.drift`."""
    max_shrink: float = Field(0.5, gt=0, le=1)
    """Share of items or events that may vanish from one night to the next before the input is called broken."""
    max_segment_gap: float = Field(0.3, ge=0, le=1)
    """How far per-user AUC may differ between segments of shoppers, beyond chance; above 0.1 a night warns."""
    max_exposure: float = Field(0.8, ge=0, le=1)
    """Share of places in lists that the most popular tenth of items may take beyond its share of later purchases; above
    0.4 a night warns."""


class ExplainSettings(_Section):
    """How reasons are written."""

    writer: str = "SmolLM2-135M-Instruct"
    """A causal model (directory, the pinned default, or a Hugging Face name), ``endpoint:MODEL``, or ``template``."""
    adapter: Path | None = None
    """LoRA adapter of the writer, as `recsys finetune explainer` makes it; a guided writer needs none."""
    tone: Literal["friendly", "neutral", "expert"] = "friendly"
    """``friendly``, ``neutral`` or ``expert``."""
    length: Literal["short", "long"] = "long"
    """``short`` gives the reason; ``long`` adds a second fact where one is among the largest parts."""
    language: Literal["en", "zh"] = "en"
    """``en``, or ``zh`` (templates)."""
    guided: bool = True
    """A local writer keeps to wordings of the project's grammar, choosing among them token by token; else it writes
    freely, is checked, and is guided only where the check refused what it first wrote."""
    temperature: float = Field(0.6, ge=0)
    """How freely the writer words things; 0 always takes the likeliest wording."""
    variants: int = Field(256, ge=1)
    """Wordings per kind of evidence: reasons of one kind share so many, so that a large shop's night is finite."""
    seconds: float = Field(15.0, gt=0)
    """On demand, a reader waits so long for the writer and then gets the plain sentence."""
    batch_size: int = Field(96, ge=1)
    """Sentences written together."""


class AssistantSettings(_Section):
    """The shop's assistant."""

    languages: tuple[Literal["en", "zh"], ...] = ("en",)
    """Languages the encoder reads; questions in others rest on their words and on shop concepts."""
    writer: str = "auto"
    """Language model: ``auto`` is Qwen2.5-Coder-0.5B-Instruct where the extra ``llm`` is installed, else none; it
    chooses what to look up where a search of the products finds nothing, and the shop's own words are given. A model
    named here words what the rules say, too: a GGUF model (pinned name, ``.gguf`` file, hub repository), a causal model
    of transformers, or ``endpoint:MODEL``; what does not follow from its source is replaced by it.
    ``retrieved``: none."""
    adapter: Path | None = None
    """LoRA adapter of the writer, as `recsys finetune assistant` makes it."""
    planner: Path | None = None
    """Adapter of a GGUF writer for choosing what to look up, as `recsys finetune planner` makes it: with it the writer
    also completes follow-ups that no rule applies to."""
    answerability: str = "auto"
    """Model that tells whether a text of the shop answers a question: ``auto`` is the package's own for the default
    writer where that works, else for multilingual-e5-small (91 MB, once), which is faster and tells less apart; either
    by its name; a directory as `recsys finetune answerability` makes it; ``none``: likeness and words decide."""
    turns: str = "auto"
    """Model that reads what a turn asks for beside those before it: ``auto`` is the package's own for the default
    writer where that works, else a regression over words and vectors, which is faster and right less often; a
    directory as `recsys finetune turns` makes it; ``none``: the regression."""
    wishes: str = "auto"
    """Model that tells whether a product is what a shopper wishes for: ``auto`` is the package's own for the default
    writer where that works, else words and likeness, which are faster and mistake more; a directory as `recsys finetune
    wishes` makes it; ``none``: words and likeness."""
    orders: str | None = None
    """Where orders are: a table (csv, parquet) or a SQLAlchemy URL with a table ``orders``."""
    bound: float = Field(0.5, ge=0, le=1)
    """Confidence below which a person takes over."""


class PictureSettings(_Section):
    """Product pictures: vectors of the items' column ``image``."""

    model: str = ""
    """CLIP-type model: a directory, or a hub name such as ``openai/clip-vit-base-patch32``; empty: none are read."""
    folder: Path = Path()
    """Folder that paths in the column ``image`` are relative to; nothing outside it is read."""


class VoiceSettings(_Section):
    """Speech to text."""

    model: str = ""
    """Whisper model: ``whisper-base`` (pinned), a directory, or a name on the hub; empty: nothing listens."""


class Settings(BaseSettings):
    """All settings of one run; immutable."""

    model_config = SettingsConfigDict(
        frozen=True,
        extra="ignore",
        use_attribute_docstrings=True,
        env_prefix=PREFIX,
        env_nested_delimiter="__",
        nested_model_default_partial_update=True,
    )

    artifacts: Path = Path("artifacts")
    """Where versions are kept."""
    encoder: EncoderSettings = EncoderSettings()
    history: HistorySettings = HistorySettings()
    training: TrainingConfig = TrainingConfig()
    retrieval: RetrievalSettings = RetrievalSettings()
    cluster: ClusterSettings = ClusterSettings()
    evaluation: EvaluationSettings = EvaluationSettings()
    intake: IntakeSettings = IntakeSettings()
    columns: dict[str, str] = {}
    """The shop's names of columns, as ``event = "action"`` in a section ``[columns]``, or ``--map event=action``."""
    privacy: PrivacySettings = PrivacySettings()
    gate: GateSettings = GateSettings()
    explain: ExplainSettings = ExplainSettings()
    assistant: AssistantSettings = AssistantSettings()
    pictures: PictureSettings = PictureSettings()
    voice: VoiceSettings = VoiceSettings()
    serve: ServeSettings = ServeSettings()
    experiment: ExperimentSettings = ExperimentSettings()
    seed: int = 7
    """Seed of everything random in training and evaluation."""
    keep_versions: int = Field(3, ge=1)
    """Older versions beyond this number are deleted after a publish."""
    offline: bool = False
    """Never reach for the network."""

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Arguments, then environment, then the TOML file."""
        toml = TomlConfigSettingsSource(settings_cls, toml_file=settings_file())
        return init_settings, env_settings, toml


def settings_file() -> Path:
    """The TOML file of this process, which need not exist unless `RECSYS_CONFIG` names it."""
    return Path(os.environ.get("RECSYS_CONFIG", DEFAULT_FILE))


def load_settings(**overrides: Any) -> Settings:
    """Settings of this process, `overrides` winning.

    Raises
    ------
    BadInput
        A value cannot be used, a section, field or variable does not exist (the nearest that does is named), or
        `RECSYS_CONFIG` names no file.
    """
    try:
        refuse_unknown(Settings, PREFIX, _OTHER_VARIABLES, settings_file())
        return Settings(**{k: v for k, v in overrides.items() if v is not None})
    except ValidationError as error:
        lines = [
            f"{'.'.join(map(str, e['loc'])) or 'settings'}: {e['msg']} (found {e['input']!r})" for e in error.errors()
        ]
        raise BadInput("settings: " + "; ".join(lines)) from None
    except BadInput:
        raise
    except (ValueError, OSError) as error:  # a malformed TOML file
        raise BadInput(f"settings: {settings_file()}: {error}") from None


@dataclass(frozen=True)
class Effective:
    """One setting as it is in force: its dotted name, its value, and where that came from.

    Passwords of URLs are not shown.
    """

    name: str
    value: Any
    origin: str

    def __str__(self) -> str:
        """A line of TOML, with the origin as its comment."""
        if self.value is None:
            return f"# {self.name} is not set"
        return f"{self.name} = {as_toml(self.value)}" + ("" if self.origin == "default" else f"  # {self.origin}")


def effective(**overrides: Any) -> list[Effective]:
    """All settings in force, each with where it came from: an argument, a variable, the file, or the default."""
    settings = load_settings(**overrides)
    arguments = {name for name, value in overrides.items() if value is not None}
    environment = dict(_paths(EnvSettingsSource(Settings)()))
    file = dict(_paths(TomlConfigSettingsSource(Settings, toml_file=settings_file())()))

    def origin(name: str) -> str:
        if name.partition(".")[0] in arguments:
            return "argument"
        if name in environment:
            return variable_of(name, PREFIX)
        return str(settings_file()) if name in file else "default"

    return [Effective(name, _without_passwords(attrgetter(name)(settings)), origin(name)) for name in names(Settings)]


def _without_passwords(value: Any) -> Any:
    return re.sub(r"(//[^/:@\s]*):[^@/\s]*@", r"\1:***@", value) if isinstance(value, str) else value


def _paths(given: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in given.items():
        yield before + name, value
        if isinstance(value, Mapping):
            yield from _paths(value, f"{before}{name}.")
