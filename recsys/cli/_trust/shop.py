"""A tiny shop for trials of the machinery: two tastes that never mix, and an encoder with random weights.

Nothing here says how good lists are; it is small so that ten thousand faults fit into minutes, and needs no download.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

SHOPPERS = ("000", "001", "017")
_KINDS = {"garden": ["spade", "rake", "hose", "pot", "seed"], "kitchen": ["pan", "knife", "bowl", "whisk", "tray"]}
_START = 1_700_000_000


def write_encoder(folder: Path) -> Path:
    """Write a two-layer BERT with random weights that spells words letter by letter; returns its directory."""
    import torch
    from transformers import BertConfig, BertModel, BertTokenizerFast

    folder.mkdir(parents=True, exist_ok=True)
    letters = [chr(c) for c in range(33, 127)] + list("茶壶红色键盘无线")
    vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *letters, *(f"##{c}" for c in letters)]
    (folder / "vocab.txt").write_text("\n".join(vocabulary), "utf-8")
    BertTokenizerFast(str(folder / "vocab.txt"), model_max_length=64).save_pretrained(folder)
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(vocabulary),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=64,
        max_position_embeddings=64,
        initializer_range=0.7,  # at the usual 0.02 all texts would have nearly the same vector
    )
    BertModel(config).eval().save_pretrained(folder, safe_serialization=True)
    for file in folder.iterdir():
        file.chmod(0o644)  # also an account without rights encodes
    return folder


def tables(users: int = 80, seed: int = 0) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Items and interactions: gardeners and cooks, who buy nothing of the other kind."""
    rng = np.random.default_rng(seed)
    items = pd.DataFrame(
        [
            {
                "item_id": f"{kind[0].upper()}{n:03d}",
                "title": f"{colour} {kind} {word}",
                "brand": f"{kind.title()}Co{n % 3}",
                "category": kind,
                "price": 5.0 + n,
                "available": n != 7,
            }
            for kind, words in _KINDS.items()
            for n, (colour, word) in enumerate(
                (c, w) for c in ("red", "blue", "green", "plain", "large") for w in words
            )
        ]
    )
    rows = []
    for user in range(users):
        own = items.index[items.category == ("garden" if user % 2 else "kitchen")].to_numpy()
        for visit, item in enumerate(rng.choice(own, rng.integers(4, 12), replace=False)):
            when = _START + int(rng.integers(0, 30)) * 86_400 + visit * 10 * 86_400
            rows.append({"user_id": f"{user:03d}", "item_id": items.item_id[item], "timestamp": when})
    return items, pd.DataFrame(rows)


def environment(encoder: Path) -> dict[str, str]:
    """Variables that make any run quick, and independent of the network and of the user's own settings."""
    return {
        "RECSYS_ENCODER__NAME": str(encoder),
        "RECSYS_TRAINING__NEGATIVES": "20",
        "RECSYS_EVALUATION__RESAMPLES": "100",
        "RECSYS_CONFIG": os.devnull,
        "RECSYS_OFFLINE": "1",
        "RECSYS_EXPLAIN__WRITER": "template",
        "RECSYS_ASSISTANT__WRITER": "retrieved",
        "RECSYS_ASSISTANT__ANSWERABILITY": "none",
    }


def enter(variables: Mapping[str, str]) -> None:
    """Put a trial's variables in place of all of the user's own; for a process that is the trial's alone."""
    for name in [name for name in os.environ if name.startswith("RECSYS_")]:
        del os.environ[name]
    os.environ |= {**variables, "OMP_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false"}
