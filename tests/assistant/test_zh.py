"""A Chinese shop: `recsys.zh.toml` on the sample's storefront, and tiny models of Chinese kinds."""

from __future__ import annotations

import shutil
from pathlib import Path

import pandas as pd
import pytest
import torch
from transformers import BertConfig, BertModel, BertTokenizerFast, GPT2Config, GPT2LMHeadModel

from recsys import Recommender
from recsys.assistant import Assistant, Knowledge
from recsys.assistant.setup import question_encoder
from recsys.assistant.wording import prompt
from recsys.data.passages import faq_passages
from recsys.data.sample import write_sample
from recsys.encoders.encoder import Encoder
from recsys.encoders.pretrained import resolve
from recsys.llm import gpt
from recsys.llm.tuning import Example, TuningConfig, finetune
from recsys.settings import load_settings

CHARACTERS = "怎么退货多久能送到收货后天内可以在账户中申请一般至个工作日达顾客商店说明回答：。，？3025"


def _tokenizer(folder: Path) -> BertTokenizerFast:
    vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *dict.fromkeys(CHARACTERS)]
    (folder / "vocab.txt").write_text("\n".join(vocabulary), "utf-8")
    tokenizer = BertTokenizerFast(str(folder / "vocab.txt"), model_max_length=128)
    tokenizer.save_pretrained(folder)
    return tokenizer


@pytest.fixture(scope="module")
def bert(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """As BAAI/bge-small-zh-v1.5 and bert-base-chinese: BERT with a tokenizer of characters."""
    folder = tmp_path_factory.mktemp("bge-zh")
    torch.manual_seed(0)
    size = len(_tokenizer(folder))
    BertModel(
        BertConfig(
            vocab_size=size,
            hidden_size=32,
            num_hidden_layers=2,
            num_attention_heads=4,
            intermediate_size=64,
            max_position_embeddings=128,
            initializer_range=0.7,
        )
    ).eval().save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def gpt2(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """As uer/gpt2-chinese-cluecorpussmall: GPT-2 with BERT's tokenizer, which has no end-of-text token."""
    folder = tmp_path_factory.mktemp("gpt2-zh")
    torch.manual_seed(0)
    size = len(_tokenizer(folder))
    GPT2LMHeadModel(GPT2Config(vocab_size=size, n_positions=128, n_embd=32, n_layer=2, n_head=2)).save_pretrained(
        folder
    )
    return folder


FAQ = pd.DataFrame(
    {"question": ["怎么退货？", "多久能送到？"], "answer": ["收货后5天内可以在账户中申请。", "一般2至5个工作日送到。"]}
)


@pytest.mark.weights
def test_a_night_and_an_answer_with_the_settings_for_a_chinese_shop(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`recsys.zh.toml` as it stands, with what the package index has and no hub."""
    monkeypatch.setenv("RECSYS_CONFIG", str(Path(__file__).parents[2] / "recsys.zh.toml"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    resolve("multilingual-e5-small")
    settings = load_settings(artifacts=tmp_path / "artifacts")
    assert settings.explain.language == "zh"
    write_sample(tmp_path / "shop", language="zh")
    items = pd.read_csv(tmp_path / "shop" / "items.csv.gz", dtype=str)
    items = items[items.department.isin(["电子产品", "图书"])].drop(columns="text")
    items = items.groupby("category").head(12)  # of each kind enough to fill a list with
    events = pd.read_csv(tmp_path / "shop" / "interactions.csv.gz", dtype={"item_id": str, "user_id": str})
    few = sorted(events.user_id.unique())[:50]
    events = events[events.user_id.isin(few) & events.item_id.isin(items.item_id)]
    shop = Recommender.build(items, events, settings=settings, artifacts=settings.artifacts)
    listed = shop.recommend({"history": [items[items.category == "显示器"].item_id.iloc[0]]}, k=5)
    kinds = items.set_index("item_id").loc[listed.item_id]
    assert (kinds.department == "电子产品").all()
    knowledge = Knowledge.build(faq_passages(FAQ), question_encoder(settings), languages=settings.assistant.languages)
    told = Assistant(knowledge, shop).answer("多久才会到货呀？")
    assert told.sources == ("faq:1",)
    assert "2至5个工作日" in told.text


def test_a_chinese_encoder_reads_questions(bert: Path) -> None:
    knowledge = Knowledge.build(faq_passages(FAQ), Encoder.load(str(bert)), languages=("zh",))
    assert knowledge.reader.read(["怎么退货"]).vectors.any()
    told = Assistant(knowledge).answer("怎么退货？")
    assert told.sources == ("faq:0",)
    assert not told.handover


def test_a_chinese_gpt_is_fine_tuned_and_writes(gpt2: Path, tmp_path: Path) -> None:
    lessons = [Example(f"顾客：{q}\n回答：", a) for q, a in FAQ.itertuples(index=False)]
    config = TuningConfig(method="full", learning_rate=1e-2, max_steps=30, evaluations=2, max_length=64)
    report = finetune(str(gpt2), lessons, lessons, tmp_path / "out", config)
    assert report.perplexity < 0.5 * report.perplexity_before
    writer = gpt.load(str(tmp_path / "out"))
    text = writer.write([lessons[0].prompt], gpt.Sampling(max_new_tokens=60))[0]
    assert text.replace(" ", "") == lessons[0].completion
    assert writer.write([prompt("怎么退货？", faq_passages(FAQ)[0])], gpt.Sampling(max_new_tokens=4))


def test_a_chinese_gpt_as_published_ends_its_texts(gpt2: Path, tmp_path: Path) -> None:
    """Its tokenizer names no end of text and its configuration one that it cannot write: [SEP] ends."""
    lessons = [Example(f"顾客：{q}\n回答：", a) for q, a in FAQ.itertuples(index=False)]
    config = TuningConfig(method="full", learning_rate=1e-2, max_steps=30, evaluations=2, max_length=64)
    finetune(str(gpt2), lessons, lessons, tmp_path / "tuned", config)
    published = tmp_path / "published"
    shutil.copytree(gpt2, published)
    shutil.copy(tmp_path / "tuned" / "model.safetensors", published)
    writer = gpt.load(str(published))
    assert writer.tokenizer.eos_token == "[SEP]"
    texts = writer.write([example.prompt for example in lessons], gpt.Sampling(max_new_tokens=60))
    assert [text.replace(" ", "") for text in texts] == [example.completion for example in lessons]
