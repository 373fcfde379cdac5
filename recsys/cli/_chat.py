"""Terminal chat with the assistant: answers as they come, the line editing of readline, and commands after a slash.

Where standard input or output is no terminal, questions are read a line each and only answers are written.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pandas as pd

from recsys.assistant.answers import Assistant
from recsys.assistant.dialogue import spoken_in
from recsys.assistant.reply import Answer, Done, Token
from recsys.data.feedback import Feedback
from recsys.data.handovers import Handovers
from recsys.data.protection import Protection
from recsys.settings import Settings

PROMPT = "> "
ITEM = "item:"
PARTS = 3
"""Parts of a score that `/why` shows."""
HELP = """\
/why [n]                     the reasons of the score of what was shown last (of the n-th of it)
/items                       what was shown last, numbered
/feedback good|bad [note]    what you think of the last answer
/help                        these lines
/quit                        end (Ctrl-D, too); Ctrl-C leaves a line or an answer"""


class Chat:
    """One conversation.

    Parameters
    ----------
    user
        The signed-in shopper; None for a stranger.
    """

    def __init__(self, assistant: Assistant, settings: Settings, user: str | None = None) -> None:
        self.assistant, self.user, self.folder = assistant, user, settings.artifacts
        self.feedback = Feedback(settings.artifacts / "feedback", Protection.live(settings.artifacts))
        assistant.handovers = Handovers(settings.artifacts)
        self.terminal = sys.stdin.isatty() and sys.stdout.isatty()
        self.turns: list[dict[str, Any]] = []
        self.shown: list[str] = []
        self.last: tuple[str, Answer] | None = None
        self.questions = 0
        self._commands: dict[str, Callable[[str], str]] = {
            "why": self.why,
            "items": self.items,
            "feedback": self.rate,
            "help": lambda _: HELP,
        }

    def run(self) -> int:
        """Converse until the input ends; returns how many questions there were."""
        if self.terminal:
            with suppress(ImportError):  # Windows has none; its console edits lines by itself
                import readline  # noqa: F401 - `input` has history and arrow keys with it
            print(self.banner())
        while (line := self._line()) is not None:
            command, _, rest = line.removeprefix("/").partition(" ")
            if not line:
                continue
            if not line.startswith("/"):
                self._interruptible(self.ask, line)
            elif command in ("quit", "exit", "q"):
                break
            elif command in self._commands:
                self._interruptible(self._commands[command], rest.strip())
            else:
                print(f"There is no /{command}.\n{HELP}")
        return self.questions

    def banner(self) -> str:
        """Which shop answers, from which version, in whose words."""
        recommender, wording = self.assistant.recommender, self.assistant.wording
        version = None if recommender is None else recommender.version
        counts = {} if version is None else version.manifest.get("counts", {})
        shop = "the sample shop" if counts.get("sample_shop") else f"the shop in {self.folder}"
        products = "" if self.assistant.shelves is None else f", {len(self.assistant.shelves.ids):,} products"
        words = "the shop's own words (no language model)" if wording is None else f"worded by {wording.model.name}"
        who = "nobody is signed in (--user ID)" if self.user is None else f"signed in as {self.user}"
        at = "" if version is None else f", version {version.id}"
        return f"The assistant of {shop}{products}{at}; {words}; {who}.\nAsk in English or 中文; /help says what else."

    def ask(self, question: str) -> None:
        """Answer one question on standard output, piece by piece."""
        self.questions += 1
        answer: Answer | None = None
        for event in self.assistant.stream(question, self.turns, self.user):
            if isinstance(event, Token):
                print(event.text, end="", flush=True)
            elif isinstance(event, Done):
                answer = event.answer
        assert answer is not None
        print()
        if answer.sources:
            print(self._dim(f"[{', '.join(answer.sources)}]"))
        if answer.handover:
            print(self._dim(answer.summary))
        self.turns += [
            {"role": "user", "content": question},
            {"role": "assistant", "content": answer.text, "sources": answer.sources},
        ]
        self.last = question, answer
        self.shown = [s.removeprefix(ITEM) for s in answer.sources if s.startswith(ITEM)] or self.shown

    def why(self, which: str) -> str:
        """The reasons of the score of an item that was shown: a sentence, and the largest parts."""
        if not self.shown:
            return "Nothing was shown yet."
        place = int(which) if which.isdigit() else len(self.shown) if not which else 0
        if not 1 <= place <= len(self.shown):
            return f"/why {which}: what was shown last has the numbers 1 to {len(self.shown)}"
        language = spoken_in(self.last[0]) if self.last else "en"
        told = self.assistant.why(self.shown[place - 1], self.user, language)
        # what blocks mean is written in English
        parts = [f"  {part.value:+.2f}  {part.meaning}" for part in told.parts[:PARTS] if language == "en"]
        return "\n".join([f"{place}. {self._title(self.shown[place - 1])}", told.sentence, *map(self._dim, parts)])

    def items(self, _: str = "") -> str:
        """What was shown last, numbered."""
        rows = [f"{n}. {self._title(item)}  {self._dim(item)}" for n, item in enumerate(self.shown, 1)]
        return "\n".join(rows) or "Nothing was shown yet."

    def rate(self, said: str) -> str:
        """Keep what the reader thinks of the last answer."""
        verdict, _, note = said.partition(" ")
        rating = {"good": 1, "bad": -1}.get(verdict)
        if rating is None:
            return "/feedback good or /feedback bad, and a note if you like"
        if self.last is None:
            return "There is no answer yet."
        question, answer = self.last
        self.feedback.add(
            question,
            answer.text,
            rating,
            sources=answer.sources,
            intent=answer.intent,
            confidence=answer.confidence,
            handover=answer.handover,
            user_id=self.user,
            note=note.strip(),
        )
        return "Thank you, kept."

    def _line(self) -> str | None:
        """The next line, stripped; None at the end of the input."""
        while True:
            try:
                return input(PROMPT if self.terminal else "").strip()
            except KeyboardInterrupt:
                print("\n(/quit or Ctrl-D ends)" if self.terminal else "")
                if not self.terminal:
                    raise
            except EOFError:
                if self.terminal:
                    print()
                return None

    def _interruptible(self, act: Callable[[str], str | None], said: str) -> None:
        try:
            if text := act(said):
                print(text)
        except KeyboardInterrupt:
            if not self.terminal:
                raise
            print("\n(interrupted)")

    def _title(self, item: str) -> str:
        shelves = self.assistant.shelves
        return item if shelves is None or item not in shelves.row else shelves.titles[shelves.row[item]]

    def _dim(self, text: str) -> str:
        return f"\x1b[2m{text}\x1b[0m" if self.terminal and text else text


def waiting(rows: pd.DataFrame) -> str:
    """The hand-over queue as a person reads it, oldest first."""
    rows = rows.assign(user_id=lambda rows: rows.user_id.fillna("not signed in"))
    return "\n\n".join(f"{row.time:%Y-%m-%d %H:%M} UTC  {row.user_id}\n{row.summary}" for row in rows.itertuples())
