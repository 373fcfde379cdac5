"""Settings of explanations."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from recsys import gpt
from recsys.explain.forms import Length, Tone
from recsys.explain.templates import Language


class ExplainSettings(BaseModel):
    """How reasons are written."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    writer: str = gpt.DEFAULT
    """A causal model (directory, the pinned default, or a Hugging Face name), ``endpoint:MODEL``, or ``template``."""
    adapter: Path | None = None
    """LoRA adapter of the writer; the default writer brings its own."""
    tone: Tone = "friendly"
    """``friendly``, ``neutral`` or ``expert``."""
    length: Length = "long"
    """``short`` gives the reason; ``long`` adds a second fact where one is among the largest parts."""
    language: Language = "en"
    """``en``, or ``zh`` (templates)."""
    temperature: float = Field(0.9, ge=0)
    """How freely the writer words things; 0 always takes the likeliest wording."""
    variants: int = Field(256, ge=1)
    """Wordings per kind of evidence: reasons of one kind share so many, so that a large shop's night is finite."""
    seconds: float = Field(15.0, gt=0)
    """On demand, a reader waits so long for the writer and then gets the plain sentence."""
    batch_size: int = Field(32, ge=1)
    """Sentences written together."""
