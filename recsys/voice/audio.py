"""Waveforms: one plain WAV recording, read within bounds.

Browsers record in many containers. The page decodes them itself and sends PCM, so that no decoder of this process ever
sees what a stranger sends.
"""

from __future__ import annotations

import io
import wave
from math import gcd

import numpy as np

from recsys.errors import BadInput

RATE = 16_000
"""Samples a second that speech models read."""
MAX_SECONDS = 60.0
MAX_BYTES = 12_000_000
"""Bytes of the longest recording: a minute of two channels at 48 kHz, with its header."""
_RATES = range(8_000, 48_001)


def read_wav(recording: bytes) -> np.ndarray:
    """Samples of a WAV recording, mono at 16 kHz.

    Parameters
    ----------
    recording
        A WAV file of 16-bit PCM: one or two channels, 8 to 48 kHz, at most a minute.

    Returns
    -------
    numpy.ndarray
        Shape (samples,), float32 between -1 and 1.

    Raises
    ------
    BadInput
        It is no such file, is empty, or is too long.
    """
    if len(recording) > MAX_BYTES:
        raise BadInput(f"recording: at most {MAX_BYTES:,} bytes; found {len(recording):,}")
    try:
        with wave.open(io.BytesIO(recording)) as source:
            channels, width, rate = source.getnchannels(), source.getsampwidth(), source.getframerate()
            frames = source.readframes(min(source.getnframes(), MAX_BYTES))
    except (wave.Error, EOFError, ValueError, RuntimeError) as error:
        raise BadInput(f"recording: no WAV file of PCM samples ({error or type(error).__name__})") from None
    if width != 2 or channels not in (1, 2) or rate not in _RATES:
        found = f"{8 * width} bit, {channels} channels, {rate} Hz"
        raise BadInput(f"recording: expected 16-bit PCM, one or two channels, 8 to 48 kHz; found {found}")
    frames = frames[: len(frames) - len(frames) % (width * channels)]
    seconds = len(frames) / (width * channels * rate)
    if not frames:
        raise BadInput("recording: it holds no sound")
    if seconds > MAX_SECONDS:
        raise BadInput(f"recording: at most {MAX_SECONDS:g} seconds; found {seconds:.0f}")
    samples = np.frombuffer(frames, "<i2").reshape(-1, channels).mean(axis=1).astype(np.float32) / 32_768
    return samples if rate == RATE else _resampled(samples, rate)


def _resampled(samples: np.ndarray, rate: int) -> np.ndarray:
    """The same sound at `RATE`, by a polyphase filter."""
    from scipy.signal import resample_poly

    common = gcd(rate, RATE)
    return np.asarray(resample_poly(samples, RATE // common, rate // common), np.float32)
