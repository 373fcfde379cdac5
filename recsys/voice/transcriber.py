"""Speech recognition with Whisper (Radford et al. 2022, https://arxiv.org/abs/2212.04356).

A CTranslate2 model is run by faster-whisper, one in safetensors by transformers; both read the same waveforms.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from recsys.encoders.pretrained import resolve
from recsys.errors import BadInput, require
from recsys.voice.audio import RATE, read_wav

if TYPE_CHECKING:
    import torch

#: Words of one transcript; a question is shorter, and a model that has lost the thread repeats itself without end.
MAX_TOKENS = 128


@dataclass(frozen=True)
class Transcript:
    """What was said.

    Attributes
    ----------
    text
        The words; empty where nobody was heard to speak.
    language
        Code of the language, such as ``en``.
    seconds
        Length of the recording.
    """

    text: str
    language: str
    seconds: float


class Transcriber:
    """Speech to text with one Whisper model. Safe to use from several threads; one recording at a time is heard.

    Parameters
    ----------
    hear
        Text and language of samples (16 kHz, mono), given the language where it is known.
    """

    def __init__(self, hear: Callable[[np.ndarray, str | None], tuple[str, str]]) -> None:
        self._hear = hear
        self._lock = threading.Lock()

    @classmethod
    def load(cls, name: str, *, device: str | None = None, offline: bool = False) -> Transcriber:
        """Load a model.

        Parameters
        ----------
        name
            ``whisper-base`` (pinned, from the package index), a directory (CTranslate2 or transformers), or a Whisper
            model of the Hugging Face hub in safetensors, such as ``openai/whisper-small``.
        device
            As of the encoder; see `recsys.encoders.encoder.pick_device`.

        Raises
        ------
        BadInput, RecsysError
            It is no model, or cannot be fetched; see `recsys.encoders.pretrained.resolve`.
        MissingExtra
            The extra ``voice`` is not installed.
        """
        from recsys.encoders.encoder import pick_device

        folder, chosen = resolve(name, offline=offline), pick_device(device)
        if (folder / "model.bin").is_file():
            return cls(_faster_whisper(folder, chosen))
        return cls(_transformers(folder, chosen))

    def transcribe(self, recording: bytes, language: str | None = None) -> Transcript:
        """The words of a WAV recording; Chinese in simplified characters, which shops and the assistant are read in.

        Parameters
        ----------
        language
            What is spoken, such as ``zh``; without it the model guesses, which on short questions it does badly.

        Raises
        ------
        BadInput
            The recording cannot be read (see `read_wav`), or the model does not know the language.
        """
        samples = read_wav(recording)
        with self._lock:
            text, spoken = self._hear(samples, language)
        if spoken == "zh":
            text = _simplified().convert(text)
        return Transcript(" ".join(text.split()), spoken, round(len(samples) / RATE, 2))


@cache
def _simplified() -> Any:
    """Traditional to simplified characters (OpenCC): Whisper learnt either and writes now one, now the other.

    A prompt in simplified characters turns it, too, but where little can be understood the prompt is what it hears.
    """
    return require("opencc", "voice").OpenCC("t2s")


def _faster_whisper(folder: Path, device: torch.device) -> Callable[[np.ndarray, str | None], tuple[str, str]]:
    whisper = require("faster_whisper", "voice")
    kind, arithmetic = ("cuda", "float16") if device.type == "cuda" else ("cpu", "int8")  # it knows no others
    model = whisper.WhisperModel(str(folder), device=kind, device_index=device.index or 0, compute_type=arithmetic)

    def hear(samples: np.ndarray, language: str | None) -> tuple[str, str]:
        if language is not None and language not in model.supported_languages:
            raise BadInput(f"language {language!r}: the model knows {', '.join(sorted(model.supported_languages))}")
        # One pass, at temperature 0: the fallbacks of longer recordings only make noise into sentences, slowly.
        pieces, about = model.transcribe(
            samples,
            language=language,
            beam_size=5,
            temperature=0.0,
            max_new_tokens=MAX_TOKENS,
            condition_on_previous_text=False,
            without_timestamps=True,
        )
        return "".join(piece.text for piece in pieces if piece.compression_ratio < _LOOPING), about.language

    return hear


#: Compression ratio of a text that repeats itself, by which Whisper's authors tell a loop from speech.
_LOOPING = 2.4


def _transformers(folder: Path, device: torch.device) -> Callable[[np.ndarray, str | None], tuple[str, str]]:
    import torch
    from transformers import WhisperForConditionalGeneration, WhisperProcessor
    from transformers.utils.logging import disable_progress_bar

    disable_progress_bar()
    if json.loads((folder / "config.json").read_text("utf-8")).get("model_type") != "whisper":
        raise BadInput(f"{folder}: its config.json is not that of a Whisper model")
    try:
        processor = WhisperProcessor.from_pretrained(folder, local_files_only=True)
        model: Any = WhisperForConditionalGeneration.from_pretrained(
            folder, local_files_only=True, use_safetensors=True
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BadInput(f"{folder}: the Whisper model cannot be loaded: {error}") from None
    model = model.to(device).eval()
    languages = {token.strip("<|>"): code for token, code in (model.generation_config.lang_to_id or {}).items()}

    def hear(samples: np.ndarray, language: str | None) -> tuple[str, str]:
        if language is not None and language not in languages:
            raise BadInput(f"language {language!r}: the model knows {', '.join(sorted(languages)) or 'none'}")
        heard = processor(samples, sampling_rate=RATE, return_tensors="pt").input_features.to(device)
        with torch.inference_mode():
            spoken = language or _language(model, heard, languages)
            tokens = model.generate(
                heard, language=spoken, task="transcribe", max_new_tokens=MAX_TOKENS, do_sample=False
            )
        return processor.batch_decode(tokens, skip_special_tokens=True)[0], spoken

    return hear


def _language(model: Any, heard: Any, languages: dict[str, int]) -> str:
    """The likeliest language of a recording."""
    found = int(model.detect_language(heard)[0])
    return next((name for name, token in languages.items() if token == found), "en")
