"""An answer in a language model's words, sentence by sentence, kept only where it follows from its source.

A sentence is checked when it is whole and shown then: streaming its tokens before the check would show what may have to
be taken back. The first that does not follow ends the model's part; what the source says beyond is given as it is, and
so is what the model left out although the question asked for it.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence

from recsys.assistant import lessons
from recsys.assistant.answerability import Answerability
from recsys.assistant.grounding import check_answer
from recsys.assistant.messages import prompts
from recsys.data.passages import Passage
from recsys.data.personal import mask_personal
from recsys.errors import RecsysError
from recsys.llm.chat import ChatModel, WriterChat
from recsys.llm.gpt import Message, Sampling
from recsys.llm.language import language_of, sentences, tokens

log = logging.getLogger(__name__)

RETRIEVED = "retrieved"
"""Writer of an answer given in the shop's own words."""
SHORT = 3
"""A sentence of fewer words ("Yes.") is checked together with the next."""
SAID = 0.6
"""Share of a source sentence's words from which it counts as said already."""


class Wording:
    """Words answers with a chat model; what does not pass the check is replaced by the source itself.

    Parameters
    ----------
    tuned
        The writer was fine-tuned on `lessons`: it is asked in their form instead of in chat turns.
    judge
        Reads each answer beside its source, too, where there is one.

    Attributes
    ----------
    asked, kept
        How many answers were asked for, and how many stayed in the model's words throughout.
    """

    def __init__(
        self, model: ChatModel, max_new_tokens: int = 120, *, tuned: bool = False, judge: Answerability | None = None
    ) -> None:
        self.model = model
        self._judge = judge
        self._tuned = tuned
        self._sampling = Sampling(max_new_tokens=max_new_tokens, stop=("\nCustomer:", "\nQuestion:", "\n\n"))
        self.asked = 0
        self.kept = 0

    def warm(self) -> None:
        """Evaluate the fixed part of the prompt."""
        if not self._tuned:
            self.model.warm(prompt("?", "")[:-1])

    def pieces(self, question: str, text: str, title: str = "") -> Iterator[tuple[str, bool]]:
        """Pieces of an answer from one source, and whether each is in the model's words."""
        source = Passage("", "", title, text)
        gap = "" if language_of(text) == "zh" else " "
        self.asked += 1
        said, whole = "", True
        try:
            for sentence in _whole(self._asked(question, text, title)):
                piece = gap + sentence if said else sentence
                if not (whole := not check_answer(said + piece, [source], question, self._judge)):
                    break
                said += piece
                yield piece, True
        except RecsysError as error:
            whole = False
            log.warning("the language model failed, and the shop's own words are given instead: %s", error)
        if not said:
            yield text, False
            return
        self.kept += whole
        for rest in _unsaid(text, said, question if whole else ""):
            yield gap + rest, False

    def _asked(self, question: str, text: str, title: str) -> Iterator[str]:
        question = mask_personal(question)  # the model may be another house's, and needs none of it
        if self._tuned and isinstance(self.model, WriterChat):
            return iter(self.model.writer.write([lessons.prompt(question, text)], self._sampling))
        return self.model.stream(prompt(question, text, title), self._sampling)


def prompt(question: str, text: str, title: str = "") -> list[Message]:
    """Chat turns that ask for an answer from one text; all but the last are the same for every question."""
    said = prompts("words")
    turns: list[Message] = [{"role": "system", "content": said["system"]}]
    for of, facts, asked, told in said["examples"]:
        turns += [_asking(of, facts, asked), {"role": "assistant", "content": told}]
    return [*turns, _asking(title, text, question)]


def _asking(title: str, facts: str, question: str) -> Message:
    return {"role": "user", "content": f"Facts ({title}) {facts}\nCustomer: {question}"}


def _whole(pieces: Iterator[str]) -> Iterator[str]:
    """The sentences of a stream, each as soon as the next one begins."""
    text, given = "", 0
    for piece in pieces:
        text += piece
        ended = _joined(sentences(text))
        yield from ended[given:-1]
        given = max(given, len(ended) - 1)
    yield from _joined(sentences(text))[given:]


def _joined(parts: Sequence[str]) -> list[str]:
    """Sentences, very short ones joined to what follows them."""
    out: list[str] = []
    for part in parts:
        if out and len(tokens(out[-1])) < SHORT:
            out[-1] += ("" if language_of(out[-1]) == "zh" else " ") + part
        else:
            out.append(part)
    return out


def _unsaid(text: str, said: str, question: str) -> list[str]:
    """Sentences of a source that an answer does not hold yet and the question did not rule out.

    A small model likes to pick one of several facts. It may where a word of the question is in what it said and not in
    the sentence that it left out ("how much is express?"), not where the question would have both.
    """
    told = set(tokens(said))
    singled_out = set(tokens(question)) & told
    return [
        sentence
        for sentence in sentences(text)
        if (of := set(tokens(sentence))) and len(of & told) < SAID * len(of) and not singled_out - of
    ]
