"""Words spelt otherwise than the catalogue spells them: by a letter, by sound, as one word or two, in the plural."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache

_CJK = re.compile(r"[\u3400-\u9fff]+")
_LETTERS = "abcdefghijklmnopqrstuvwxyz"
_IRREGULAR = {"mice": "mouse", "geese": "goose", "teeth": "tooth"}
_F, _FE = re.compile(r"^(scar|shel|lea|loa|hal|wol|cal)ves$"), re.compile(r"^(kni|wi|li)ves$")


@lru_cache(maxsize=4096)
def one_edit(word: str) -> frozenset[str]:
    """Every string one insertion, deletion, replacement or swap away (Norvig, "How to write a spelling corrector")."""
    splits = [(word[:i], word[i:]) for i in range(len(word) + 1)]
    return frozenset(
        [a + b[1:] for a, b in splits if b]
        + [a + b[1] + b[0] + b[2:] for a, b in splits if len(b) > 1]
        + [a + c + b[1:] for a, b in splits if b for c in _LETTERS]
        + [a + c + b for a, b in splits for c in _LETTERS]
    ) - {word}


@lru_cache(maxsize=4096)
def pinyin(text: str) -> tuple[str, ...]:
    """Pronunciation of Chinese characters (pypinyin, extra ``zh``); () where it is not installed."""
    try:
        from pypinyin import lazy_pinyin
    except ImportError:
        return ()
    return tuple(lazy_pinyin(text))


def homophones(text: str, sounds: Mapping[tuple[str, ...], str], right: Callable[[str], bool]) -> str:
    """Chinese words written with a wrong character of the same sound, put right.

    What is spelt right is another word, however alike it sounds: 被子 are quilts, and no 杯子.
    """
    lengths: Sequence[int] = sorted({len(sound) for sound in sounds}, reverse=True)

    def mend(run: str) -> str:
        spoken, at = pinyin(run), 0
        while at < len(run) and len(spoken) == len(run):
            for length in lengths:
                form, said = sounds.get(spoken[at : at + length]), run[at : at + length]
                if form and set(form) & set(said) and (form == said or not right(said)):
                    run = run[:at] + form + run[at + length :]
                    at += length - 1
                    break
            at += 1
        return run

    return _CJK.sub(lambda match: mend(match.group()), text) if sounds else text


def singular(word: str) -> str:
    """An English noun without its plural ending: boxes are a box, mice a mouse."""
    if word in _IRREGULAR:
        return _IRREGULAR[word]
    word = _FE.sub(r"\1fe", _F.sub(r"\1f", word))
    if len(word) > 4 and word.endswith("ies"):
        return f"{word[:-3]}y"
    if re.search(r"(?:x|ch|sh|ss)es$", word):
        return word[:-2]
    return word[:-1] if len(word) > 3 and word.endswith("s") and not word.endswith("ss") else word
