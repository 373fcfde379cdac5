"""An answer in a language model's words, kept only if it follows from its source."""

from __future__ import annotations

from recsys.assistant import lessons
from recsys.assistant.grounding import check_answer
from recsys.assistant.sources import Passage
from recsys.llm.gpt import Message, Sampling, TextWriter
from recsys.llm.language import language_of

RETRIEVED = "retrieved"
"""Writer of an answer given in the shop's own words."""

_ASKS = {
    "en": (
        "You answer a shop's customers. Use only the shop's text. One or two sentences, no new facts.",
        "Shop's text: {text}\nCustomer: {question}\nAnswer:",
    ),
    "zh": (
        "你是商店客服。只根据商店说明回答，一两句话，不添加任何内容。",
        "商店说明：{text}\n顾客：{question}\n回答：",
    ),
}


class Wording:
    """Words answers with a writer; what does not pass the check is replaced by the source itself.

    Parameters
    ----------
    tuned
        The writer was fine-tuned on `lessons`: it is asked in their form instead of in chat turns.

    Attributes
    ----------
    asked, kept
        How many answers were asked for, and how many passed on first try.
    """

    def __init__(self, writer: TextWriter, max_new_tokens: int = 80, *, tuned: bool = False) -> None:
        self._writer = writer
        self._tuned = tuned
        self._sampling = Sampling(max_new_tokens=max_new_tokens, stop=("\nCustomer:", "\nQuestion:", "\n\n"))
        self.asked = 0
        self.kept = 0

    def word(self, question: str, passage: Passage) -> tuple[str, str]:
        """The answer's text and who wrote it."""
        source = f"{passage.title} {passage.text}"
        asked = lessons.prompt(question, passage.text) if self._tuned else prompt(question, passage)
        text = self._writer.write([asked], self._sampling)[0].strip()
        self.asked += 1
        if not text or check_answer(text, [source], question):
            return passage.text, RETRIEVED
        self.kept += 1
        return text, self._writer.name


def prompt(question: str, passage: Passage) -> list[Message]:
    """Chat turns that ask for an answer from one passage."""
    system, user = _ASKS[language_of(question)]
    return [
        {"role": "system", "content": system},
        {"role": "user", "content": user.format(text=passage.text, question=question)},
    ]
