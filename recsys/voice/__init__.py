"""Speech to text: what a shopper says, as words that they see and can correct before anything is asked."""

from recsys.voice.audio import MAX_SECONDS, read_wav
from recsys.voice.transcriber import Transcriber, Transcript

__all__ = ["MAX_SECONDS", "Transcriber", "Transcript", "read_wav"]
