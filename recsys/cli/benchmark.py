"""How fast, and for speech, reviews and forecasts how good, against peers in the same run? From encoding to HTTP."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer
from typer import Option

from recsys.cli._command import Artifacts, Json, Place, command, file, out
from recsys.errors import BadInput
from recsys.settings import load_settings

KINDS = (
    *("encode", "search", "recommend", "train", "explain", "answers", "serve", "voice", "columns", "reviews"),
    "forecast",
)


@command
def benchmark(
    what: Annotated[str, typer.Argument(metavar="|".join(KINDS), help="What to time.")],
    size: Annotated[
        int | None,
        Option(
            "--size",
            help="Texts to encode, vectors to search, reasons to write, questions to ask or speak, requests, shoppers, "
            "items to forecast.",
        ),
    ] = None,
    rounds: Annotated[int, Option("--rounds", help="Turns of each contender; figures are medians over them.")] = 5,
    save: Annotated[Path | None, file("--out", help="Write everything measured as JSON.")] = None,
    labels: Annotated[
        list[Place] | None, file("--labels", help="reviews: a table with review and positive (or rating); repeatable.")
    ] = None,
    interactions: Annotated[
        Place | None, file("--interactions", help="forecast: a table of purchases; default the live version's.")
    ] = None,
    artifacts: Artifacts = None,
    as_json: Json = False,
) -> dict[str, Any]:
    """Time this package and its peers on the live version, taking turns; every figure is a ratio within the run.

    Peers that are not installed (sentence-transformers, onnxruntime, hnswlib, implicit) are left out and named.

    Example: recsys benchmark search --artifacts shop --size 1000000 --out search.json
    """
    if what not in KINDS:
        raise BadInput(f"{what!r}: expected one of {', '.join(KINDS)}")
    if rounds < 1 or (size is not None and size < 10):
        raise BadInput("--rounds is at least 1 and --size at least 10")
    if save is not None and not save.parent.is_dir():
        raise BadInput(f"{save}: the directory {save.parent} does not exist")
    settings = load_settings(artifacts=artifacts)
    if interactions is not None and what != "forecast":
        raise BadInput("--interactions F goes with `recsys benchmark forecast`")
    if (what == "reviews") != bool(labels):
        raise BadInput("labelled reviews are judged: recsys benchmark reviews --labels F")
    if labels:
        found = _reviews(labels, settings, size)
    elif what == "forecast":
        found = _forecast(interactions, settings, size, quiet=as_json)
    else:
        found = _measure(what, settings, size, rounds)
    if save is not None:
        save.write_text(json.dumps(found, indent=1), "utf-8")
    if what in ("reviews", "forecast"):
        return found
    if what == "serve":
        return _served(found, quiet=as_json)
    if what == "columns":
        return _columns(found, quiet=as_json)
    ratio = next((k for k in _RATIOS if k in next(iter(found["contenders"].values()))), "")
    if not as_json:
        for name, figure in found["contenders"].items():
            times = f"   x {_median(figure[ratio])}" if ratio else ""
            out.print(f"{name:45} {figure['seconds']['median']:>12.6g} s{times}")
        for name, why in found["left_out"].items():
            out.print(f"left out: {name} ({why})")
    if "line" in found:
        return found
    first, figure = next(iter(found["contenders"].items()))
    against = found.get("reference", "sentence-transformers")
    return {**found, "line": f"{what}: {first} is {_median(figure.get(ratio))} times as fast as {against}"}


def _columns(found: dict[str, Any], *, quiet: bool) -> dict[str, Any]:
    if not quiet:
        for who, figures in found["gains"].items():
            said = (f"{name} {f['value']:+.4f} [{f['low']:+.4f}, {f['high']:+.4f}]" for name, f in figures.items())
            out.print(f"{who:32} {'   '.join(said)}")
    return found


def _served(found: dict[str, Any], *, quiet: bool) -> dict[str, Any]:
    if not quiet:
        for at in found["load"]:
            for name, row in at.items():
                if name != "clients":
                    rate = f"{row['per_second']:8.0f}/s  p50 {row['p50_ms']:7.2f} ms  p99 {row['p99_ms']:7.2f} ms"
                    out.print(f"{at['clients']:>3} clients  {name:32} {rate}  {row['of_bare']:4.0%} of bare")
        memory, beside = found["memory"], found["healthz_beside_slow_calls"]
        out.print(f"memory after {memory['requests']:,} requests: {memory['growth']:+.1%}")
        out.print(f"/healthz beside slow calls: p50 {beside['p50_ms']:.1f} ms, most {beside['most_ms']:.1f} ms")
    four = next(at for at in found["load"] if at["clients"] == 4)["with titles"]
    errors = sum(row["errors"] for at in found["load"] for name, row in at.items() if name != "clients")
    line = f"serve: {four['per_second']:.0f} requests a second at 4 clients, {four['of_bare']:.0%} of a bare route"
    return {**found, "line": f"{line}, p99 {four['p99_ms']:.1f} ms, {errors:.0f} errors"}


_RATIOS = ("times_as_fast", "times_sentence_transformers")


def _median(ratio: dict[str, float] | None) -> str:
    return "-" if ratio is None else f"{ratio['median']:.4g}"


def _reviews(labels: list[str], settings: Any, size: int | None) -> dict[str, Any]:
    import pandas as pd

    from recsys.cli import _benchmarks as bench
    from recsys.data.sources import read_table
    from recsys.encoders.loading import review_encoder
    from recsys.reviews.training import read_labels

    read = pd.concat([read_labels(read_table(place), place) for place in labels], ignore_index=True)
    return bench.bench_reviews(read, review_encoder(settings), size=size)


def _forecast(place: str | None, settings: Any, size: int | None, *, quiet: bool) -> dict[str, Any]:
    from recsys.cli import _benchmarks as bench
    from recsys.data import snapshot
    from recsys.data.interactions import check_interactions
    from recsys.data.sources import read_table
    from recsys.data.store import Store

    if place is None:
        table = snapshot.load(Store(settings.artifacts).require().path).tables.value.interactions
    else:
        table = check_interactions(read_table(place), source=place).table
    found = bench.bench_forecast(table, size=size or 1_000)
    if not quiet:
        for part, figures in found["mase"].items():
            said = "   ".join(f"{name} {value:.3f}" for name, value in figures.items())
            held = "   ".join(f"{level} held {share:.1%}" for level, share in found["held"][part].items())
            out.print(f"{part:14} MASE {said}   {held}", markup=False)
        for cut in found["cuts"]:
            held = "   ".join(f"{level} held {share:.1%}" for level, share in cut["held"].items())
            out.print(
                f"{cut['weeks_before_the_end']:>3} weeks before the end: {held}   {cut['seconds']} s", markup=False
            )
    return found


def _measure(what: str, settings: Any, size: int | None, rounds: int) -> dict[str, Any]:
    from threadpoolctl import threadpool_limits

    from recsys.cli import _benchmarks as bench
    from recsys.data.catalogue import render
    from recsys.encoders.loading import encoder_of
    from recsys.serving.recommender import Recommender

    if what == "serve":
        return bench.bench_serve(settings, requests=size or 2_000, rounds=rounds)
    if what == "voice":
        return bench.bench_voice(settings, size=size or 50)
    rec = Recommender.load(settings=settings)
    assert rec.version is not None
    if what == "encode":
        texts = render(rec.shop.tables.value.items, settings.encoder.template)
        texts = [t for t in dict.fromkeys(texts) if t][: size or 2_000]
        return bench.bench_encode(texts, model=settings.encoder.name, repeats=rounds)
    if what == "train":
        return bench.bench_train(rec.shop.by_product, settings, rounds=rounds)
    if what == "columns":
        return bench.bench_columns(rec.shop.by_product, settings, shoppers=size or 1_200)
    if what == "answers":
        return bench.bench_answers(settings, size=size)
    if what == "explain":
        return bench.bench_explain(rec, sentences=size or 96, rounds=rounds)
    with threadpool_limits(1):
        if what == "recommend":
            return bench.bench_recommend(rec, encoder_of(rec.version, settings), rounds=rounds)
        vectors = bench.enlarged(rec.shop.facts.vectors, size or len(rec.shop.item_ids))
        return bench.bench_search(vectors, settings=settings.retrieval, rounds=rounds)
