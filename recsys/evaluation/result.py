"""The result of an evaluation: every figure with its interval, as data frames, plots and one HTML page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from recsys.errors import BadInput
from recsys.evaluation.figures import EvaluationFigures
from recsys.evaluation.metrics import Estimate
from recsys.evaluation.reliability import Calibration

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Assessment(EvaluationFigures):
    """Offline figures of the ranker beside other models on one holdout.

    `table`, `slices`, `ablation` and `calibration` are data frames with a value and the ends of its 95% interval; the
    attributes of `EvaluationFigures` hold the same as objects.
    """

    @property
    def table(self) -> pd.DataFrame:
        """Every figure of every model: one row a model, columns ``(figure, value | low | high)``."""
        return _frame(self.estimates, ["model"])

    @property
    def slices(self) -> pd.DataFrame:
        """Figures by part of the test: rows ``(model, by, part, users)``, columns as in `table`."""
        rows = {(model, p.by, p.name, p.users): p.figures for model, parts in self.parts.items() for p in parts}
        return _frame(rows, ["model", "by", "part", "users"])

    @property
    def ablation(self) -> pd.DataFrame:
        """What each figure loses without a block, the dearest first; no rows where it was not asked for."""
        return _frame({effect.block: effect.figures for effect in self.effects}, ["block"])

    @property
    def calibration(self) -> pd.DataFrame:
        """Figures of the probabilities, columns ``value, low, high``; no rows where they could not be judged."""
        found = {f.name: getattr(self.reliability, f.name) for f in fields(Calibration)} if self.reliability else {}
        rows = {name: [e.value, e.low, e.high] for name, e in found.items() if isinstance(e, Estimate)}
        return pd.DataFrame.from_dict(rows, orient="index", columns=list(_ENDS))

    def plot(self, name: str = "metric at k") -> Figure:
        """One plot, as a matplotlib figure.

        Parameters
        ----------
        name
            "metric at k", "ROC by group", "popularity bias", and where there are figures "reliability" and "ablation".

        Raises
        ------
        BadInput
            There is no such plot, or matplotlib is not installed.
        """
        from recsys.evaluation.report import plots

        found = plots.available(self)
        if name not in found:
            raise BadInput(f"plot: there is no {name!r} here; there are {', '.join(map(repr, found))}")
        return found[name]()

    def report(self, path: Path | str) -> Path:
        """Write all tables and plots as one HTML page, in which nothing is fetched or run.

        Raises
        ------
        BadInput
            The page cannot be written there, or matplotlib or jinja2 is not installed.
        """
        from recsys.evaluation.report import check_writable, write_report

        check_writable(Path(path))
        write_report(self, Path(path))
        return Path(path)

    def to_dict(self) -> dict[str, Any]:
        """All figures as plain numbers, lists and names: what ``recsys evaluate --json`` prints."""
        return {
            "protocol": _plain(self.protocol),
            "table": _plain(self.estimates),
            "leads": _plain(self.leads),
            "slices": _plain(self.parts),
            "fairness": _plain(self.fairness),
            "calibration": _plain(self.reliability),
            "ablation": _plain(self.effects),
            "tuned": _plain(self.tuned),
            "skipped": _plain(self.skipped),
        }

    def __repr__(self) -> str:
        from recsys.evaluation.report import tables

        return f"<Assessment: {tables.headline(self)}>"

    def _repr_html_(self) -> str:
        """The accuracy of every model and, where matplotlib is installed, recall and nDCG at growing list lengths."""
        from recsys.evaluation.report import tables

        cells = {
            tables.TITLES[figure]: {name: tables.brief(row[figure]) for name, row in self.estimates.items()}
            for figure in tables.ACCURACY
        }
        html = pd.DataFrame(cells).to_html()
        try:
            from recsys.evaluation.report import plots
        except BadInput:
            return html
        return html + plots.svg(self.plot())


_ENDS = ("value", "low", "high")


def _frame(rows: Mapping[Any, Mapping[str, Estimate]], index: Sequence[str]) -> pd.DataFrame:
    """One row per key, columns ``(figure, value | low | high)`` in the order of the first row."""
    figures = list(next(iter(rows.values()), {}))
    values = [[getattr(row[figure], end) for figure in figures for end in _ENDS] for row in rows.values()]
    columns = pd.MultiIndex.from_product([figures, _ENDS], names=["figure", None])
    keys = pd.MultiIndex.from_tuples(list(rows) or [], names=index) if len(index) > 1 else pd.Index(rows, name=index[0])
    return pd.DataFrame(np.array(values, np.float64).reshape(len(rows), len(columns)), keys, columns)


def _plain(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return {k: _plain(getattr(value, k)) for k in value.__dataclass_fields__}
    if isinstance(value, Mapping):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(v) for v in value]
    if isinstance(value, np.generic):
        return _plain(value.item())
    return None if isinstance(value, float) and not np.isfinite(value) else value
