"""Fine-tuning and measuring of the turn reader on conversations with the plan of each turn."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from recsys.assistant.plans import PlanExample, examples, kind_of, read_conversations
from recsys.assistant.turn_reader import ADAPTER, OUTPUTS, TurnReader, labelled, tool_of_kind
from recsys.llm import causal_pair_training
from recsys.llm.causal_pair_training import CausalPairConfig
from recsys.llm.chat import DEFAULT_CHAT


def train(
    conversations: Sequence[Path],
    out: Path,
    config: CausalPairConfig | None = None,
    *,
    base: str = DEFAULT_CHAT,
    held_out: Sequence[Path] = (),
    start: Path | None = None,
    progress: bool = False,
) -> dict[str, float]:
    """Teach a causal cross-encoder; `out` is a directory that gets the adapter's file.

    Parameters
    ----------
    conversations, held_out
        Files that `plans.read_conversations` takes, to learn from and to measure on.
    base
        Causal language model that the adapter is for.
    start
        Adapter file to go on from; by default the model as it is.

    Returns
    -------
    dict
        ``turns``, ``steps``, losses, and of `held_out` what `measure` gives.

    Raises
    ------
    BadInput
        A file has a fault, or there is nothing to learn from.
    """
    valid = _turns(held_out)
    turns = _turns(conversations)
    pairs = [pair for turn in turns for pair in labelled(turn)]
    report = causal_pair_training.teach(
        pairs, len(OUTPUTS), out / ADAPTER, base=base, config=config, start=start, progress=progress
    )
    return {"turns": len(turns), **report, **(measure(TurnReader.of(out / ADAPTER), valid) if valid else {})}


def measure(reader: TurnReader, turns: Sequence[PlanExample]) -> dict[str, float]:
    """Share of turns whose likeliest tool is one that the turn asks for (``right``), of the first ones and of later."""
    right = {
        "right": turns,
        "right_first": [t for t in turns if not t.before],
        "right_later": [t for t in turns if t.before],
    }
    return {name: sum(_right(reader, turn) for turn in of) / len(of) for name, of in right.items() if of}


def _right(reader: TurnReader, turn: PlanExample) -> bool:
    tools = reader(turn.question, turn.before).tools
    return max(tools, key=tools.__getitem__) in {tool_of_kind(kind_of(call)) for call in turn.calls}


def _turns(files: Sequence[Path]) -> list[PlanExample]:
    return [turn for file in files for turn in examples(read_conversations(file))]
