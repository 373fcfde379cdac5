"""The judge of wishes: what its files say, what it learns, and how its commands and settings name a fault."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from recsys.assistant.wish_training import measure, train
from recsys.assistant.wishes import OUTPUTS, Wishes, read_shelves
from recsys.cli import app
from recsys.encoders.pair_training import LabelledPair
from recsys.errors import ArtifactError, BadInput
from recsys.llm.causal_pair_training import CausalPairConfig, teach
from tests.tiny_gpt import write_qwen2

SHELVES = Path(__file__).parents[2] / "data" / "wishes"
MUGS = {"products": ["Blue mug", "Red lamp"], "wishes": [["a mug\nno, blue", "fx"], ["a lamp with a shade", "xo"]]}


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_qwen2(tmp_path_factory.mktemp("base") / "qwen2", ["Text: Wish: blue mug red lamp a with"], layers=2)


@pytest.fixture
def shelves(tmp_path: Path) -> Path:
    file = tmp_path / "shelves.jsonl"
    file.write_text(json.dumps(MUGS), "utf-8")
    return file


def test_a_shelf_is_a_pair_of_each_wish_and_product(shelves: Path) -> None:
    pairs = read_shelves([shelves])
    said = [(pair.first, pair.second, OUTPUTS[pair.label]) for pair in pairs]
    assert said == [
        ("Wish: a mug\nno, blue", "Blue mug", "fits"),
        ("Wish: a mug\nno, blue", "Red lamp", "another"),
        ("Wish: a lamp with a shade", "Blue mug", "another"),
        ("Wish: a lamp with a shade", "Red lamp", "open"),
    ]


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ('{"products": ["a"], "wishes": [["w", "fx"]]}', "letter of 'xof' for each product"),
        ('{"products": ["a"], "wishes": [["w", "y"]]}', "letter of 'xof'"),
        ('{"products": ["a"]}', "wishes"),
        ("[]", "no shelf"),
    ],
)
def test_a_line_that_is_no_shelf_is_named(tmp_path: Path, line: str, fault: str) -> None:
    file = tmp_path / "shelves.jsonl"
    file.write_text(f"\n{line}\n", "utf-8")
    with pytest.raises(BadInput, match=rf"shelves\.jsonl, line 2: .*{fault}"):
        read_shelves([file])


def test_what_it_is_taught_it_judges(base: Path, shelves: Path, tmp_path: Path) -> None:
    quick = CausalPairConfig(layers=2, first_layer=0, rank=4, learning_rate=1e-2, batch_tokens=256, max_steps=40)
    report = train([shelves], tmp_path, quick, base=str(base), held_out=[shelves])
    assert (report["pairs"], report["auc"], report["first"]) == (4, 1.0, 1.0)
    judge = Wishes.load(tmp_path)
    assert judge is not None
    chances = judge("a mug\nno, blue", MUGS["products"])
    assert chances.shape == (2, 3)
    assert chances.sum(axis=1) == pytest.approx(1.0)
    assert chances[0].argmax() == OUTPUTS.index("fits")


def test_an_adapter_of_other_scores_is_gone_on_from_with_a_new_head(base: Path, shelves: Path, tmp_path: Path) -> None:
    still = CausalPairConfig(layers=2, first_layer=0, rank=4, max_steps=1)
    pairs = [LabelledPair("Question: a mug", "Blue mug", (0, 1, 2, 3), 3)] * 4
    teach(pairs, 5, tmp_path / "other.safetensors", base=str(base), config=still)
    train([shelves], tmp_path, still, base=str(base), start=tmp_path / "other.safetensors")
    assert Wishes.of(tmp_path / "wishes.safetensors")("a mug", ["Blue mug"]).shape == (1, 3)


def test_the_command_teaches_and_names_a_fault(base: Path, shelves: Path, tmp_path: Path) -> None:
    told = ["--out", str(tmp_path / "a"), "--base", str(base), "--max-steps", "1", "--json"]
    shallow = CliRunner().invoke(app, ["finetune", "wishes", "--shelves", str(shelves), *told])
    assert shallow.exit_code == 2  # sixteen layers are read by default, and this model has two
    assert "2 layers, and 16" in shallow.output
    assert not (tmp_path / "a").exists()


def test_a_directory_without_an_adapter_is_named(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match=r"no wishes\.safetensors is there; `recsys finetune wishes --out` makes"):
        Wishes.load(tmp_path)


def test_the_projects_shelves_are_read_and_none_is_held_out_and_taught() -> None:
    taught, held = (read_shelves([SHELVES / name]) for name in ("shelves.jsonl", "held_out.jsonl"))
    assert (len(taught), len(held)) == (2198 * 8, 268 * 8)
    assert len(read_shelves([SHELVES / "sample_shop.jsonl"])) == 4759
    assert not {pair.second for pair in taught} & {pair.second for pair in held}


def test_the_packages_own_tells_what_fits_from_what_shares_a_word() -> None:
    judge = Wishes.load(offline=True)
    if judge is None:
        pytest.skip("the weights of the default writer cannot be had here")
    found = measure(judge, read_shelves([SHELVES / "held_out.jsonl"])[: 60 * 8])
    assert found["auc"] > 0.9
    assert found["first"] > 0.75
