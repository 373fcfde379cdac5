"""Recordings are read within bounds: samples, or a sentence that says what is wrong."""

from __future__ import annotations

import io
import wave

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recsys.errors import BadInput
from recsys.voice import MAX_SECONDS, read_wav
from recsys.voice.audio import RATE


def wav(samples: np.ndarray, rate: int = RATE, channels: int = 1, width: int = 2) -> bytes:
    """A WAV file of samples between -1 and 1, in every channel the same."""
    held = io.BytesIO()
    with wave.open(held, "wb") as out:
        out.setnchannels(channels)
        out.setsampwidth(width)
        out.setframerate(rate)
        whole = np.round(samples * 32_767).astype("<i2")
        out.writeframes(np.repeat(whole, channels).tobytes() if width == 2 else bytes(len(samples) * width * channels))
    return held.getvalue()


def tone(hertz: float, seconds: float, rate: int) -> np.ndarray:
    return 0.5 * np.sin(2 * np.pi * hertz * np.arange(int(seconds * rate)) / rate)


@pytest.mark.parametrize("rate", [8_000, 16_000, 22_050, 44_100, 48_000])
@pytest.mark.parametrize("channels", [1, 2])
def test_a_tone_stays_the_same_tone_at_sixteen_kilohertz(rate, channels):
    heard = read_wav(wav(tone(440, 1.0, rate), rate, channels))
    assert heard.dtype == np.float32
    assert abs(len(heard) - RATE) <= 1
    spectrum = np.abs(np.fft.rfft(heard))
    assert abs(np.argmax(spectrum) * RATE / len(heard) - 440) <= 1
    assert abs(np.abs(heard[1_000:-1_000]).max() - 0.5) < 0.01


@pytest.mark.parametrize(
    ("recording", "said"),
    [
        (b"", "no WAV file"),
        (b"RIFF....WAVE", "no WAV file"),
        (b"OggS" + bytes(100), "no WAV file"),
        (wav(np.zeros(0)), "holds no sound"),
        (wav(np.zeros(100), width=1), "found 8 bit, 1 channels, 16000 Hz"),
        (wav(np.zeros(100), channels=6), "found 16 bit, 6 channels"),
        (wav(np.zeros(100), rate=96_000), "96000 Hz"),
        (wav(np.zeros(int((MAX_SECONDS + 2) * 8_000)), rate=8_000), "at most 60 seconds; found 62"),
        (bytes(12_000_001), "at most 12,000,000 bytes"),
    ],
    ids=["empty", "cut short", "another container", "silent", "8 bit", "six channels", "rate", "long", "large"],
)
def test_what_cannot_be_read_is_refused_with_the_reason(recording, said):
    with pytest.raises(BadInput, match=said):
        read_wav(recording)


@given(st.binary(max_size=300), st.integers(0, 60), st.binary(min_size=1, max_size=4))
def test_no_bytes_make_anything_but_samples_or_a_refusal(noise, at, flipped):
    whole = wav(tone(300, 0.01, RATE))
    for recording in (noise, b"RIFF" + noise, whole[:at] + flipped + whole[at + len(flipped) :]):
        try:
            heard = read_wav(recording)
        except BadInput:
            continue
        assert heard.ndim == 1
        assert np.isfinite(heard).all()
        assert np.abs(heard).max() <= 1
