"""How well are spoken questions written down: word and character error rates, where espeak-ng says them."""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from recsys.assistant.assessment import own_questions
from recsys.cli._benchmarks.race import machine
from recsys.errors import BadInput, require
from recsys.settings import Settings
from recsys.voice import Transcriber

#: Words a minute of the speaking machine; people ask at about this pace.
PACE = 140
_CHINESE = Path(__file__).parents[2] / "data" / "sample" / "shop" / "faq.zh.csv"
#: Voices of espeak-ng. Of Chinese characters it reads nothing that Whisper knows, so Chinese is given to it in pinyin.
_VOICES = {"en": "en", "zh": "cmn-latn-pinyin"}


def bench_voice(settings: Settings, *, size: int = 50) -> dict[str, Any]:
    """Speak questions, transcribe them, and compare.

    Returns
    -------
    dict
        JSON-ready; of each language ``error_rate`` (words of English, characters of Chinese; edits against length),
        its 90% interval over questions (bootstrap), of English ``character_error_rate``, of Chinese
        ``syllable_error_rate`` (by sound, whatever the tone: other characters that are read alike are no error), share
        of questions heard ``exactly``, and ``seconds`` of each.

    Raises
    ------
    BadInput
        The settings name no model, or espeak-ng is not installed.
    """
    if not settings.voice.model:
        raise BadInput("voice.model is empty: name a model, such as RECSYS_VOICE__MODEL=whisper-base")
    espeak = shutil.which("espeak-ng")
    if espeak is None:
        raise BadInput("espeak-ng is not installed, and nobody else can speak here: apt-get install espeak-ng")
    transcriber = Transcriber.load(settings.voice.model, offline=settings.offline)
    asked = {
        "en": own_questions()["question"].tolist()[:size],
        "zh": pd.read_csv(_CHINESE)["question"].tolist()[:size],
    }
    languages = {
        language: _heard(transcriber, espeak, language, questions, settings.seed)
        for language, questions in asked.items()
    }
    rates = ", ".join(f"{name} {row['error_rate']:.1%}" for name, row in languages.items())
    return {
        "machine": machine(),
        "model": settings.voice.model,
        "contenders": languages,
        "left_out": {},
        "line": f"voice: {settings.voice.model} errs in {rates} (words of English, characters of Chinese)",
    }


def _heard(transcriber: Transcriber, espeak: str, language: str, questions: list[str], seed: int) -> dict[str, Any]:
    compare = require("jiwer", "dev")
    said, heard, seconds = [], [], []
    with tempfile.TemporaryDirectory() as folder:
        recording = Path(folder) / "said.wav"
        for question in questions:
            spoken = _pinyin(question) if language == "zh" else question
            command = [espeak, "-v", _VOICES[language], "-s", str(PACE), "-w", str(recording), "--", spoken]
            subprocess.run(command, check=True, capture_output=True)  # noqa: S603 - our own sentences
            start = time.perf_counter()
            text = transcriber.transcribe(recording.read_bytes(), language).text
            seconds.append(time.perf_counter() - start)
            said.append(_plain(question, language))
            heard.append(_plain(text, language))
    counted = [compare.process_words(one, other) for one, other in zip(said, heard, strict=True)]
    edits = np.array([c.substitutions + c.deletions + c.insertions for c in counted])
    lengths = np.array([len(one.split()) for one in said])
    drawn = np.random.default_rng(seed).integers(0, len(said), (2_000, len(said)))
    low, high = np.quantile(edits[drawn].sum(1) / lengths[drawn].sum(1), (0.05, 0.95))
    return {
        "questions": len(said),
        "error_rate": float(edits.sum() / lengths.sum()),
        "interval": [float(low), float(high)],
        **_finer(said, heard, language),
        "exactly": float(np.mean(edits == 0)),
        "seconds": {"median": float(np.median(seconds)), "most": float(np.max(seconds))},
    }


def _plain(text: str, language: str) -> str:
    """Words (of Chinese: characters) without case and punctuation, parted by spaces."""
    kept = re.sub(r"[^\w\s']", " ", text.lower())
    return " ".join(kept.replace(" ", "")) if language == "zh" else " ".join(kept.split())


def _finer(said: list[str], heard: list[str], language: str) -> dict[str, float]:
    """Error rates of what the words are made of: characters of English, syllables of Chinese."""
    compare = require("jiwer", "dev")
    if language != "zh":
        return {"character_error_rate": float(compare.cer(said, heard))}
    return {"syllable_error_rate": float(compare.wer(_syllables(said), _syllables(heard)))}


def _syllables(texts: list[str]) -> list[str]:
    pinyin = require("pypinyin", "zh")
    return [" ".join(pinyin.lazy_pinyin(text.replace(" ", ""))) for text in texts]


def _pinyin(text: str) -> str:
    pinyin = require("pypinyin", "zh")
    return " ".join(pinyin.lazy_pinyin(text, style=pinyin.Style.TONE3, neutral_tone_with_five=True))
