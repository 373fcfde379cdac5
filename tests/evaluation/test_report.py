"""The page: self-contained, escaped, whole; the plots: one for every figure there is."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser
from xml.etree import ElementTree

import numpy as np
import pytest
from rich.console import Console

from recsys.data.sample.parcels import make_parcels
from recsys.delivery.parcels import check_orders
from recsys.delivery.published import publish
from recsys.errors import BadInput
from recsys.evaluation import metrics, subgroups
from recsys.evaluation.figures import FIGURES, RANKER, AblationEffect, Difference
from recsys.evaluation.metrics import Estimate
from recsys.evaluation.reliability import Predictions, calibrate
from recsys.evaluation.report import check_writable, page, plots, tables, write_report
from recsys.evaluation.result import Assessment
from recsys.evaluation.splits import hold_out, measure
from recsys.settings import EvaluationSettings
from tests import shops

HOW = {"resamples": 100, "seed": 7}


@pytest.fixture(scope="module")
def found() -> Assessment:
    """An assessment of two made-up models on a small shop, with a segment that tries to be markup."""
    items, rows = shops.tables(n_users=700)
    events = shops.events_of(items, rows)
    holdout = hold_out(events, EvaluationSettings(min_history=1), 7)
    rng = np.random.default_rng(0)
    noise = rng.random((events.n_users, events.n_items))
    popular = np.bincount(holdout.train.item, minlength=events.n_items).astype(float)
    measured = {
        RANKER: measure(lambda u: popular + 3 * noise[u], holdout),
        "popularity": measure(lambda u: popular, holdout),
    }
    table = {}
    for name, m in measured.items():
        table[name] = m.estimates(events.n_items, 100, 7) | {
            k: Estimate(0.5, 0.4, 0.6) for k in ("novelty", "diversity", "gini")
        }
    segment = np.array(["<script>alert(1)</script>", "plain"], dtype=object)[rng.integers(0, 2, len(holdout.users))]
    groups = {"activity": subgroups.activity(holdout), "segment": segment}
    parts = [s for by, labels in groups.items() for s in subgroups.by_users(by, labels, measured[RANKER], 100, 7)]
    z = rng.normal(-2, 1, 4_000)
    chance = 1 / (1 + np.exp(-z))
    rows_ = Predictions(np.repeat(np.arange(40), 100), chance, rng.random(4_000) < chance, np.ones(4_000), 40)
    leads = {
        f: Difference(
            "popularity", metrics.difference(measured[RANKER].per_user[f], measured["popularity"].per_user[f], **HOW)
        )
        for f in FIGURES
    }
    return Assessment(
        protocol={
            "version": "v1",
            "split": "one cut in time",
            "cut": holdout.now,
            "items": events.n_items,
            "train_events": len(holdout.train),
            "test_users": len(holdout.users),
            "test_positives": sum(map(len, holdout.positives)),
            "negatives_per_user": 100,
            "resamples": 100,
            "seed": 7,
        },
        estimates=table,
        leads=leads,
        parts={RANKER: parts},
        fairness=subgroups.gap(segment, measured[RANKER].per_user["auc"], 7),
        reliability=calibrate(rows_),
        effects=[AblationEffect("taste", "what they like", {f: Estimate(0.01, -0.01, 0.02) for f in FIGURES})],
        tuned={"EASE": {"ridge": 100.0}},
        skipped={"ALS": "needs the package implicit"},
        holdout=holdout,
        measured=measured,
        groups=groups,
    )


@pytest.fixture(scope="module")
def text(found) -> str:
    return page.render(found)


class Tags(HTMLParser):
    """Names of the elements of a page, and every address in it."""

    def __init__(self) -> None:
        super().__init__()
        self.names: list[str] = []
        self.addresses: list[str] = []

    def handle_starttag(self, tag, attrs):
        self.names.append(tag)
        self.addresses += [v for k, v in attrs if k in ("src", "href", "xlink:href") and v]


def test_the_page_fetches_and_runs_nothing(text):
    tags = Tags()
    tags.feed(text)
    assert "script" not in tags.names
    assert "link" not in tags.names
    assert all(a.startswith("#") for a in tags.addresses)  # references inside a plot
    assert tags.names.count("svg") == 5


def test_names_from_the_shop_are_escaped(text):
    assert "<script>" not in text
    assert "&lt;script&gt;" in text


def test_every_model_figure_and_reason_is_on_the_page(found, text):
    for name in (
        *found.estimates,
        "EASE",
        "ALS",
        "needs the package implicit",
        "taste",
        "what they like",
        "ridge = 100.0",
    ):
        assert name in text
    for row in found.estimates.values():
        assert tables.brief(row["auc"]) in text
    assert "v1" in text


def test_what_the_night_read_is_on_the_page(found):
    told = {**found.protocol, "reading": ["rows:     used 9 of 10 <items>"]}
    assert "used 9 of 10 &lt;items&gt;" in page.render(replace(found, protocol=told))


def test_a_page_without_the_optional_parts(found):
    bare = replace(
        found,
        reliability=None,
        effects=[],
        tuned={},
        skipped={},
        fairness=None,
        protocol={**found.protocol, "cut": None},
    )
    tags = Tags()
    tags.feed(page.render(bare))
    assert tags.names.count("svg") == 3


def test_plots_are_valid_svg_and_the_same_each_time(found):
    once, again = plots.available(found), plots.available(found)
    for name, draw in once.items():
        drawn = plots.svg(draw())
        ElementTree.fromstring(drawn)
        assert drawn == plots.svg(again[name]()), name


def test_ids_of_plots_do_not_collide(text):
    """Two SVG elements in one page share its ids: a clip path of one must not cut another."""
    ids = re.findall(r'<clipPath id="([^"]+)"', text)
    shapes = {}
    for block in re.findall(r'<clipPath id="([^"]+)">(.*?)</clipPath>', text, re.S):
        assert shapes.setdefault(block[0], block[1]) == block[1]
    assert ids


def test_roc_starts_and_ends_in_the_corners(found):
    figure = plots.roc({"activity": found.groups["activity"]}, found.measured[RANKER])
    for line in figure.axes[0].lines:
        x, y = line.get_data()
        assert (x[0], y[0]) == (0, 0)
        assert (x[-1], y[-1]) == (1, 1)
        assert (np.diff(x) >= 0).all()
        assert (np.diff(y) >= 0).all()


def test_roc_says_how_many_groups_it_leaves_out(found):
    many = np.array([f"group {i % 12:02d}" for i in range(len(found.holdout.users))], dtype=object)
    figure = plots.roc({"segment": many}, found.measured[RANKER])
    assert "the 8 largest of 12" in figure.axes[0].get_title()


def test_the_written_page_replaces_the_old_one_whole(found, tmp_path):
    target = tmp_path / "report.html"
    target.write_text("old")
    write_report(found, target)
    assert target.read_text("utf-8").startswith("<!doctype html>")
    assert [p.name for p in tmp_path.iterdir()] == ["report.html"]
    assert "parcels" not in target.read_text("utf-8")


def test_the_page_tells_of_carriers_where_the_version_knows_deliveries(found, tmp_path):
    publish(check_orders(make_parcels(7)), tmp_path)
    told = page.render(found, tmp_path)
    assert "How long parcels take" in told
    assert all(f"<td>{name}</td>" in told for name in ("Swiftline", "Northpost", "Parcelway"))


@pytest.mark.parametrize("name", ["report.pdf", "missing/report.html"])
def test_a_page_that_cannot_be_written_is_refused_at_once(tmp_path, name):
    with pytest.raises(BadInput, match=r"\.html|does not exist"):
        check_writable(tmp_path / name)


def test_tables_show_every_model_without_cutting(found):
    console = Console(width=110, record=True, file=open("/dev/null", "w"))  # noqa: SIM115
    for table in tables.all_tables(found):
        console.print(table)
    text = console.export_text()
    assert "…" not in text
    for name in (*found.estimates, "ALS: not run", "taste", "expected / observed"):
        assert name in text
    assert max(map(len, text.splitlines())) <= 110
