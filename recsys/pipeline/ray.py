"""Encoding and batch recommendation on Ray Data: read parquet, map batches with actors, write parquet.

A run leaves finished parts in a directory beside its result and continues from them; an actor that dies is started
again and its batch repeated. Without a cluster address (``RAY_ADDRESS``) Ray is started on this machine.
"""

from __future__ import annotations

import hashlib
import json
import logging
import shutil
import tempfile
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import ray

from recsys.data import outputs
from recsys.data.atomic import replacing, write_text
from recsys.data.schema import USER
from recsys.data.store import Version
from recsys.encoders.loading import encoder_for
from recsys.encoders.protocol import Composed, Encoded, Encodes
from recsys.errors import BadInput
from recsys.pipeline.engine import Engine
from recsys.serving.recommender import Recommender
from recsys.settings import ClusterSettings, Settings

log = logging.getLogger(__name__)

#: Fewer texts than this are encoded here: starting actors would take longer.
FEW = 256
_ROW, _TEXT, _KIND, _VECTOR, _CUT, _PART = "row", "text", "kind", "vector", "cut", "part"
_LIST = pa.schema([("user_id", pa.string()), ("rank", pa.int64()), ("item_id", pa.string()), ("score", pa.float64())])


class Cluster(Engine):
    """The Ray cluster at ``RAY_ADDRESS``, or this machine's cores; the artifacts are on storage all workers see."""

    def encoder(self, settings: Settings) -> Encodes:
        """An encoder whose `encode` spreads many texts over actors."""
        return _SpreadEncoder(settings)

    def lists(
        self,
        rec: Recommender,
        users: Sequence[str],
        k: int,
        out: Path,
        *,
        exclude_seen: bool = True,
        candidates: Collection[str] | None = None,
        progress: bool = False,
    ) -> int:
        """As everywhere; parts that an interrupted run of the same request finished are kept."""
        if rec.version is None:
            raise BadInput("engine 'ray': workers open a published version; give artifacts=DIR")
        outputs.check_writable(out)
        rec.lookup.candidate_codes(candidates)  # refused here, and not by each worker
        allowed = None if candidates is None else sorted(candidates)
        folder = out.parent / f".{out.name}.parts"
        size = rec.settings.cluster.users_per_part
        parts = [list(users[start : start + size]) for start in range(0, len(users), size)]
        request = _digest(
            [rec.version.id, rec.version.manifest["created"], k, exclude_seen, allowed, size, list(users)]
        )
        _keep_only(folder, request)
        todo = [n for n in range(len(parts)) if not (folder / _name(n)).is_file()]
        if todo:
            work = folder / "todo.parquet"
            pq.write_table(pa.table({_PART: todo, "users": [parts[n] for n in todo]}), work, row_group_size=1)
            recipe = {
                "version": str(rec.version.path.resolve()),
                "settings": rec.settings.model_dump(mode="json"),
                "k": k,
                "exclude_seen": exclude_seen,
                "candidates": allowed,
                "folder": str(folder.resolve()),
            }
            with _running(progress):
                data = ray.data.read_parquet(str(work), override_num_blocks=len(todo))
                for _ in _mapped(data, _ListWorker, recipe, rec.settings.cluster, batch=1).iter_batches():
                    pass
        rows = _join([folder / _name(n) for n in range(len(parts))], out)
        shutil.rmtree(folder, ignore_errors=True)
        return rows


class _SpreadEncoder(Composed):
    """The settings' encoder, with `encode` done by actors; small requests stay here."""

    #: Texts between two savings: one job of the cluster.
    shard = 262_144

    def __init__(self, settings: Settings) -> None:
        super().__init__(encoder_for(settings))
        self._settings = settings

    def encode(
        self, texts: Sequence[str], *, kind: str = "document", normalize: bool = True, progress: bool = False
    ) -> Encoded:
        if len(texts) < FEW or not normalize:
            return self.inner.encode(texts, kind=kind, normalize=normalize, progress=progress)
        unique = dict.fromkeys(texts)
        rows = {text: row for row, text in enumerate(unique)}
        vectors, cut = np.empty((len(unique), self.dim), np.float32), np.zeros(len(unique), bool)
        how = self._settings.cluster
        with tempfile.TemporaryDirectory(prefix="recsys-ray-", dir=how.scratch) as folder, _running(progress):
            table = pa.table({_ROW: np.arange(len(unique)), _TEXT: list(unique), _KIND: [kind] * len(unique)})
            pq.write_table(table, Path(folder, "texts.parquet"), row_group_size=how.batch)
            data = ray.data.read_parquet(str(Path(folder, "texts.parquet")))
            recipe = {"settings": self._settings.model_dump(mode="json")}
            encoded = _mapped(data, _EncodeWorker, recipe, how, batch=how.batch)
            for block in encoded.iter_batches(batch_format="pyarrow", batch_size=None):
                at = block[_ROW].to_numpy()
                flat = block[_VECTOR].combine_chunks().flatten().to_numpy(zero_copy_only=False)
                vectors[at], cut[at] = flat.reshape(len(at), self.dim), block[_CUT].to_numpy(zero_copy_only=False)
        place = np.fromiter((rows[t] for t in texts), np.int64, len(texts))
        cut = cut[place]
        return Encoded(vectors[place], int(cut.sum()), cut, len(unique), tokens=0, padding_waste=0.0)


class _EncodeWorker:
    """One loaded encoder."""

    def __init__(self, settings: Mapping[str, Any]) -> None:
        self._encoder = encoder_for(Settings.model_validate(settings))

    def __call__(self, batch: pa.Table) -> pa.Table:
        found = self._encoder.encode(batch[_TEXT].to_pylist(), kind=batch[_KIND][0].as_py())
        vectors = pa.FixedSizeListArray.from_arrays(pa.array(found.vectors.ravel()), self._encoder.dim)
        return pa.table({_ROW: batch[_ROW], _VECTOR: vectors, _CUT: found.cut})


class _ListWorker:
    """One opened version; writes each part it is given, whole or not at all."""

    def __init__(self, version: str, settings: Mapping[str, Any], k: int, folder: str, **how: Any) -> None:
        self._rec = Recommender.open(Version.open(Path(version)), Settings.model_validate(settings))
        self._k, self._how, self._folder = k, how, Path(folder)

    def __call__(self, batch: pa.Table) -> pa.Table:
        for part, users in zip(batch[_PART].to_pylist(), batch["users"].to_pylist(), strict=True):
            lists = self._rec.recommend_many(users, self._k, columns=None, **self._how)
            outputs.write_table(lists.astype({USER: object}), self._folder / _name(part))
        return pa.table({_PART: batch[_PART]})


def _mapped(data: Any, worker: type, recipe: Mapping[str, Any], how: ClusterSettings, *, batch: int) -> Any:
    return data.map_batches(
        worker,
        fn_constructor_kwargs=dict(recipe),
        batch_size=batch,
        batch_format="pyarrow",
        compute=ray.data.ActorPoolStrategy(min_size=1, max_size=how.workers),
        num_cpus=how.cpus_per_worker,
        num_gpus=how.gpus_per_worker,
    )


@contextmanager
def _running(progress: bool) -> Iterator[None]:
    """Ray for the length of a `with`; one that runs already is used and left running."""
    started = not ray.is_initialized()
    if started:
        # A cluster named by RAY_ADDRESS has its own size; a local one is told nothing it can find out itself.
        ray.init(include_dashboard=False, log_to_driver=False, logging_level=logging.ERROR, configure_logging=False)
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = progress
    context.print_on_execution_start = False
    try:
        yield
    finally:
        if started:
            ray.shutdown()


def _keep_only(folder: Path, request: str) -> None:
    """Make `folder` hold parts of this request only."""
    mark = folder / "request.json"
    if folder.is_dir() and not (mark.is_file() and json.loads(mark.read_text("utf-8")) == request):
        shutil.rmtree(folder)
    folder.mkdir(exist_ok=True)
    write_text(mark, json.dumps(request))


def _digest(parts: Sequence[Any]) -> str:
    return hashlib.sha256(json.dumps(parts, default=str).encode("utf-8", "surrogatepass")).hexdigest()


def _name(part: int) -> str:
    return f"part-{part:06d}.parquet"


def _join(parts: Sequence[Path], out: Path) -> int:
    """Write the parts, in order, to one file; memory holds one of them."""
    if not out.name.endswith(".parquet"):
        tables = [pd.read_parquet(p) for p in parts]
        table = pd.concat(tables, ignore_index=True) if tables else _LIST.empty_table().to_pandas()
        outputs.write_table(table, out)
        return len(table)
    rows = 0
    with replacing(out) as whole, pq.ParquetWriter(whole, _LIST) as writer:
        for part in parts:
            table = pq.read_table(part).select(_LIST.names).cast(_LIST)
            writer.write_table(table)
            rows += len(table)
    return rows
