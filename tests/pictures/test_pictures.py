"""Pictures in a shop: encoded once, searched by picture and by words, part of the score, and told where they fail."""

from __future__ import annotations

import io
import json
import shutil

import numpy as np
import pandas as pd
import pytest
from PIL import Image, ImageEnhance

from recsys import Recommender
from recsys.data.sample.drawings import draw_all
from recsys.errors import ArtifactError, BadInput
from recsys.pictures.collect import collect, twins
from recsys.pictures.encoder import PictureEncoder
from recsys.pictures.images import open_image
from recsys.pipeline import Inputs, runs
from recsys.settings import PictureSettings, load_settings


@pytest.fixture(scope="module")
def encoder(tiny_clip):
    return PictureEncoder(tiny_clip)


@pytest.fixture(scope="module")
def drawn(tiny_tables, tmp_path_factory):
    """The tiny shop with drawings; one product has none, one has a damaged one, and two share theirs."""
    folder = tmp_path_factory.mktemp("drawn")
    items, events = tiny_tables
    items = items.copy()
    draw_all(items[["item_id", "title", "category"]].itertuples(index=False, name=None), folder)
    items["image"] = items["item_id"] + ".png"
    items.loc[3, "image"] = None
    (folder / items.item_id[4]).with_suffix(".png").write_bytes(b"<svg/>")
    shutil.copy(folder / items.image[10], folder / items.image[11])
    return folder, items, events


@pytest.fixture(scope="module")
def published(environment, drawn, tiny_clip, tmp_path_factory):
    folder, items, events = drawn
    settings = load_settings(
        artifacts=tmp_path_factory.mktemp("pictures") / "shop",
        pictures=PictureSettings(model=str(tiny_clip), folder=folder),
    )
    return Recommender.build(items, events, artifacts=settings.artifacts, settings=settings)


def test_vectors_are_those_of_transformers_own_processor(encoder, tiny_clip):
    import torch
    from transformers import CLIPModel
    from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

    image = Image.effect_noise((50, 50), 90).convert("RGB")  # square: cutting and scaling cannot differ by a pixel
    model = CLIPModel.from_pretrained(tiny_clip).eval()
    pixels = CLIPImageProcessorPil.from_pretrained(tiny_clip)(image, return_tensors="pt").pixel_values
    with torch.inference_mode():
        found = model.get_image_features(pixel_values=pixels)
    theirs = getattr(found, "pooler_output", found)[0].numpy()
    ours = encoder.images([image])[0]
    assert ours.shape == (encoder.dim,)
    assert float(ours @ theirs / np.linalg.norm(theirs)) > 0.999
    assert np.allclose(np.linalg.norm(encoder.texts(["red spade", "a pan"]), axis=1), 1, atol=1e-5)
    assert encoder.images([]).shape == (0, encoder.dim)


def test_a_line_of_pixels_is_not_blown_up_and_a_wide_picture_is_seen_in_the_middle(encoder, monkeypatch):
    largest = []
    resize = Image.Image.resize
    monkeypatch.setattr(
        Image.Image,
        "resize",
        lambda self, size, *a, **k: largest.append(size[0] * size[1]) or resize(self, size, *a, **k),
    )
    line = Image.new("RGB", (1, 1_024), "red")
    assert np.isfinite(encoder.images([line])).all()
    assert max(largest) < 100_000  # 32 x 32,768 pixels otherwise
    wide = Image.new("RGB", (400, 20), "blue")
    wide.paste("red", (150, 0, 250, 20))
    assert encoder.images([wide])[0] @ encoder.images([Image.new("RGB", (20, 20), "red")])[0] > 0.9999


def test_what_is_no_picture_model_is_said(tiny_encoder, tiny_clip, tmp_path):
    with pytest.raises(BadInput, match="'bert' model has no vectors of pictures"):
        PictureEncoder(tiny_encoder)
    shutil.copytree(tiny_clip, tmp_path / "clip")
    (tmp_path / "clip" / "preprocessor_config.json").write_text(json.dumps({"size": 32}), "utf-8")
    with pytest.raises(BadInput, match="image_mean"):
        PictureEncoder(tmp_path / "clip")


def test_only_new_and_changed_pictures_are_read_again(encoder, drawn):
    folder, items, _ = drawn
    first = collect(items, encoder, folder)
    assert first.notes == {"pictures": 48, "pictures_encoded": 48, "pictures_unreadable": 1}
    assert first.table.problem[4] == "picture: no image in one of the formats JPEG, PNG, WEBP, GIF"
    assert not first.pool.vectors[[3, 4]].any()
    again = collect(items.iloc[::-1], encoder, folder, known=(first.pool, first.table))
    assert again.encoded == 0
    assert np.array_equal(again.pool.vectors[::-1], first.pool.vectors)
    assert again.table["hash"].tolist()[::-1] == first.table["hash"].tolist()
    assert collect(items.drop(columns="image"), encoder, folder) is None


def test_one_picture_for_two_products_is_found(encoder, drawn):
    folder, items, _ = drawn
    found = collect(items, encoder, folder)
    same = twins(found.pool.vectors, found.table)
    assert (items.item_id[10], items.item_id[11]) in set(zip(same.item_id, same.twin, strict=True))
    one_product = np.where(np.arange(len(items)) == 11, 10, np.arange(len(items)))
    variants = twins(found.pool.vectors, found.table, one_product)
    assert (items.item_id[10], items.item_id[11]) not in set(zip(variants.item_id, variants.twin, strict=True))


def test_a_placeholder_that_many_share_pairs_each_with_the_first():
    vectors = np.tile(np.eye(4, dtype=np.float32)[0], (3_000, 1))
    vectors[7] = np.eye(4)[1]
    table = pd.DataFrame({"item_id": [f"P{n:04d}" for n in range(3_000)], "hash": "00ff00ff00ff00ff"})
    found = twins(vectors, table)
    assert len(found) == 2_998
    assert set(found.item_id) == {"P0000"}
    assert "P0007" not in set(found.twin)


def test_a_picture_finds_its_product_though_light_crop_and_size_changed(published, drawn):
    folder, items, _ = drawn
    rng = np.random.default_rng(0)
    found = []
    for row in items.drop(index=[3, 4, 10, 11]).itertuples():
        if not row.available:
            continue
        image = open_image((folder / row.image).read_bytes())
        cut = rng.integers(0, 9, 4)
        image = image.crop((cut[0], cut[1], image.width - cut[2], image.height - cut[3]))
        image = ImageEnhance.Brightness(image).enhance(rng.uniform(0.85, 1.15)).resize((180, 180))
        held = io.BytesIO()
        image.save(held, "JPEG", quality=80)
        table = published.similar_to_image(held.getvalue(), k=5)
        found.append(row.item_id in table.item_id.tolist())
    assert np.mean(found) >= 0.9  # of random weights: the way is right, what a picture means is the model's
    by_path = published.similar_to_image(folder / items.image[0], k=3, columns=["price"])
    assert by_path.item_id[0] == items.item_id[0]
    assert by_path.score[0] == pytest.approx(1, abs=1e-5)
    assert set(by_path.columns) == {"rank", "item_id", "score", "title", "price"}
    assert not published.shop.available[published.lookup.codes(["G007"])].any()
    everything = published.similar_to_image(folder / items.image[0], k=100)
    assert not {"G007", items.item_id[3], items.item_id[4]} & set(everything.item_id)
    assert len(published.pictures_of("a red spade", k=4)) == 4
    with pytest.raises(BadInput, match="no image"):
        published.similar_to_image(b"noise")
    with pytest.raises(BadInput, match="No such file"):
        published.similar_to_image(folder / "missing.png")
    with pytest.raises(BadInput, match="null byte"):
        published.similar_to_image("a\0b")
    with pytest.raises(BadInput, match="at most 10,485,760 bytes"):
        published.similar_to_image("/dev/zero")


def test_pictures_are_a_part_of_the_score_and_the_parts_sum(published):
    assert "pictures" in [block.name for block in published.ranker.blocks]
    told = published.explain("000", "K002").evidence
    assert "pictures" in {part.block for part in told.parts}
    assert sum(part.value for part in told.parts) == pytest.approx(told.logit - told.baseline, abs=1e-6)
    new = published.recommend("000", [{"title": "red kitchen pan"}, "K001"])  # a described product has no picture
    assert np.isfinite(new.score).all()


def test_a_version_without_pictures_is_as_it_was_and_says_what_is_missing(environment, tiny_version):
    rec = Recommender.load(tiny_version)
    assert "pictures" not in [block.name for block in rec.ranker.blocks]
    with pytest.raises(ArtifactError, match=r"set pictures\.model and run `recsys embed`"):
        rec.similar_to_image(b"")


def test_a_night_keeps_the_vectors_and_a_model_without_pictures_is_refused(published, drawn, tmp_path, capsys):
    _, items, _ = drawn
    settings = published.settings
    shutil.copytree(settings.artifacts, tmp_path / "shop")
    settings = settings.model_copy(update={"artifacts": tmp_path / "shop"})
    outcome = runs.embed(Inputs(), settings)
    assert outcome.notes["pictures_encoded"] == 0
    rec = Recommender.load(settings=settings)
    assert np.array_equal(rec.shop.facts.pictures, published.shop.facts.pictures)
    assert rec.version.manifest["pictures"]["fingerprint"] == published.version.manifest["pictures"]["fingerprint"]

    items.drop(columns="image").to_parquet(tmp_path / "items.parquet")
    with pytest.raises(BadInput, match="no item names a picture"):
        runs.embed(Inputs(items=str(tmp_path / "items.parquet")), settings)
    assert Recommender.load(settings=settings).version.id == rec.version.id
    # Without a model the next night goes on without pictures; the ranker that knew them reads the rest.
    plain = settings.model_copy(update={"pictures": PictureSettings()})
    runs.embed(Inputs(items=str(tmp_path / "items.parquet")), plain)
    rec = Recommender.load(settings=plain)
    assert rec.shop.facts.pictures is None
    assert len(rec.recommend("000")) == 10


def test_the_report_lists_products_that_share_a_picture(published, drawn):
    pytest.importorskip("matplotlib")
    from recsys.evaluation.report.shop import sections

    found = sections(published.version.path)
    assert list(found) == ["pictures"]
    items = drawn[1]
    first = found["pictures"]["pairs"][0]  # random weights find others alike, too, but none as much
    assert (first["one"], first["two"]) == tuple(items.item_id[[10, 11]])
    assert first["near"] == pytest.approx(1)
    assert (first["title"], first["other"]) == tuple(items.title[[10, 11]])
    assert found["pictures"]["unread"] == 1


def test_the_command_tells_what_is_wrong_with_pictures(published, drawn):
    from typer.testing import CliRunner

    from recsys.cli import app

    _, items, _ = drawn
    said = CliRunner().invoke(app, ["pictures", "--artifacts", str(published.settings.artifacts)])
    assert said.exit_code == 0, said.output
    assert f"not read: {items.item_id[4]}  {items.image[4]}: picture: no image" in said.output
    assert "48 products with a picture, 1 without, 1 could not be read" in " ".join(said.output.split())
    assert f"{items.item_id[10]} {items.title[10]}  =  {items.item_id[11]} {items.title[11]}" in said.output
    assert pd.read_parquet(published.version.path / "pictures.parquet").shape == (50, 4)


def test_the_assistant_shows_what_looks_like_an_item(published, drawn):
    from recsys.assistant.shopping import similar
    from recsys.assistant.tools import Context, Similar

    _, items, _ = drawn
    context = Context(None, published.product_search, published, None)
    # Both have the same drawing, and nothing else is as near as itself.
    told = similar(context, Similar(items=[items.item_id[10]], question=f"what looks like {items.item_id[10]}?"))
    assert told.lead.startswith("These look most like")
    assert told.sources[0] == f"item:{items.item_id[11]}"
    assert f"item:{items.item_id[10]}" not in told.sources
    without = similar(context, Similar(items=[items.item_id[3]], question="what looks like it?"))
    assert without.lead.startswith("Most like")  # it has no picture: by what is said of it
    assert without.sources
