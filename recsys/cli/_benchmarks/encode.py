"""How fast texts become vectors: against sentence-transformers, ONNX Runtime and the machine's own matrix products.

All contenders take turns within one run, so that a slow moment of the machine meets each of them; a figure is a median
over repeats, a ratio the median of ratios within repeats. Peers that are not installed are left out and named.
"""

from __future__ import annotations

import logging
import statistics
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from recsys.cli._benchmarks.race import machine, ratios, spread, take_turns
from recsys.encoders import checkpoint, fast_bert, pretrained, tokens
from recsys.encoders.checkpoint import FullModel
from recsys.encoders.encoder import CPU_TOKEN_BUDGET, Encoder
from recsys.errors import BadInput

log = logging.getLogger(__name__)

Encode = Callable[[Sequence[str]], NDArray[np.float32]]
REFERENCE = "sentence-transformers"
_CHECKED = 64  # texts on which each contender's vectors are compared with the full model's


def bench_encode(
    texts: Sequence[str],
    *,
    model: str = "all-MiniLM-L6-v2",
    max_length: int = 128,
    repeats: int = 5,
    precisions: Sequence[str] = ("fp32", "bf16", "int8"),
    peers: Sequence[str] = (REFERENCE, "onnxruntime fp32", "onnxruntime int8"),
    threads: int | None = None,
) -> dict[str, Any]:
    """Time this package's encoder and its peers on the same texts, on the CPU.

    Parameters
    ----------
    texts
        Different, real product texts; equal ones would be encoded once and flatter the result.
    model
        What `recsys.encoders.pretrained.resolve` takes; sentence-transformers must be able to read its directory.
    max_length
        Tokens read of a text, by every contender.
    repeats
        Rounds in which each contender encodes all texts once.
    precisions, peers
        Which contenders take part.
    threads
        CPU threads for torch and ONNX Runtime; torch's own choice by default.

    Returns
    -------
    dict
        JSON-ready: `machine`, `texts`, `contenders` (seconds, processor seconds, texts and useful GFLOP per second,
        each ratio with its spread, and the least cosine to the full model's vectors) and `limit`, the fastest the
        machine multiplied matrices of the model's shapes in the same rounds. Useful arithmetic is that of the full
        model on the real tokens, so work that is left out counts as done. On a machine that is busy with other
        things, compare processor seconds, with one thread.

    Raises
    ------
    BadInput
        Fewer than two texts, or equal ones.
    """
    texts = list(texts)
    if len(texts) < 2 or len(set(texts)) != len(texts):
        raise BadInput("the encoding benchmark needs at least two texts, all different")
    path = pretrained.resolve(model)
    full, backend = checkpoint.load(path, model)
    tokenizer = tokens.Tokenizer(backend, max_length)
    lengths = [len(ids) for ids in tokenizer(texts)[0]]
    work = useful_flop(full.config, lengths)
    sample = texts[:: max(1, len(texts) // _CHECKED)]
    missing: dict[str, str] = {}
    known: dict[str, Callable[[], Encode]] = {
        REFERENCE: lambda: _sentence_transformers(path, max_length),
        "onnxruntime fp32": lambda: _onnx(_exported(full, scratch), full, tokenizer, threads),
        "onnxruntime int8": lambda: _onnx(_quantized(_exported(full, scratch)), full, tokenizer, threads),
    }
    with _threads(threads), tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        contenders: dict[str, Encode] = {f"recsys {p}": _own(model, max_length, p) for p in precisions}
        for peer in peers:
            try:
                contenders[peer] = known[peer]()
            except ImportError as error:
                missing[peer] = f"{error.name} is not installed"
            except Exception as error:  # noqa: BLE001  # a peer's own fault must not end the run
                missing[peer] = f"{type(error).__name__}: {error}"[:200]
        for peer, why in missing.items():
            log.warning("left out: %s (%s)", peer, why)
        pooling = dict.fromkeys(contenders, "cls") | {REFERENCE: _own_pooling(path)}
        quality = {
            name: _cosine(encode(sample), full, tokenizer(sample)[0], pooling[name])
            for name, encode in contenders.items()
        }
        limit_of = _limit(full)
        limits: list[_Rates] = []
        wall, processor = take_turns(
            {name: partial(encode, texts) for name, encode in contenders.items()},
            repeats,
            before=lambda: limits.append(limit_of()),
        )
        used_threads = torch.get_num_threads()

    def least(rate: str) -> list[float]:
        """How long the same arithmetic would take at this rate of each round."""
        return [work / getattr(rates, rate) for rates in limits]

    return {
        "machine": {**machine(), "isa": torch.backends.cpu.get_cpu_capability(), "threads": used_threads},
        "texts": {"count": len(texts), "tokens": sum(lengths), "mean_tokens": round(sum(lengths) / len(texts), 1)},
        "settings": {"model": model, "max_length": max_length, "repeats": repeats},
        "limit": {
            "what": "GFLOP/s of the fastest matrix products in the model's shapes",
            **spread([rates.fastest / 1e9 for rates in limits]),
        },
        "limit_of_torch": {
            "what": "GFLOP/s of torch.nn.Linear in the same shapes",
            **spread([rates.torch / 1e9 for rates in limits]),
        },
        "contenders": {
            name: {
                "seconds": spread(wall[name]),
                "processor_seconds": spread(processor[name]),
                "texts_per_second": round(len(texts) / statistics.median(wall[name]), 1),
                "useful_gflop_per_second": round(work / statistics.median(wall[name]) / 1e9, 1),
                "times_sentence_transformers": ratios(wall[REFERENCE], wall[name]) if REFERENCE in wall else None,
                "times_sentence_transformers_processor": ratios(processor[REFERENCE], processor[name])
                if REFERENCE in wall
                else None,
                "share_of_limit": ratios(least("fastest"), wall[name]),
                "share_of_limit_processor": ratios(least("processor"), processor[name]),
                "share_of_limit_of_torch": ratios(least("torch"), wall[name]),
                "least_cosine_to_full_model": quality[name],
            }
            for name in contenders
        },
        "left_out": missing,
    }


def useful_flop(config: Any, lengths: Sequence[int]) -> float:
    """Floating-point operations of a full BERT-like model on texts of these lengths, without any padding."""
    width, layers = config.hidden_size, config.num_hidden_layers
    inner = getattr(config, "intermediate_size", None) or config.hidden_dim
    per_token = 2 * (4 * width * width + 2 * width * inner)
    return float(layers * sum(length * per_token + 4 * length * length * width for length in lengths))


# --- contenders -------------------------------------------------------------------------------------------------


def _own(model: str, max_length: int, precision: str) -> Encode:
    encoder = Encoder.load(model, max_length=max_length, device="cpu", precision=precision)
    return lambda texts: encoder.encode(texts).vectors


def _sentence_transformers(path: Path, max_length: int) -> Encode:
    """`SentenceTransformer.encode` with its defaults (mean pooling where the model says so), same maximum length."""
    from sentence_transformers import SentenceTransformer

    transformer = SentenceTransformer(str(path), device="cpu", trust_remote_code=False)
    transformer.max_seq_length = max_length
    return lambda texts: np.asarray(transformer.encode(list(texts), show_progress_bar=False))


def _exported(full: Any, scratch: Path) -> Path:
    """The full model as a fused ONNX graph, made once."""
    from onnxruntime.transformers.optimizer import optimize_model

    file = scratch / "model.onnx"
    if not file.is_file():
        names = ["input_ids", "attention_mask"]
        example = torch.ones(2, 9, dtype=torch.long)
        with warnings.catch_warnings(action="ignore"):
            torch.onnx.export(
                _First(full).eval(),
                (example, example),
                str(file),
                input_names=names,
                output_names=["vectors"],
                dynamic_axes={name: {0: "batch", 1: "length"} for name in names},
                dynamo=False,
            )
        fused = optimize_model(str(file), "bert", full.config.num_attention_heads, full.config.hidden_size)
        fused.save_model_to_file(str(file))
    return file


def _quantized(file: Path) -> Path:
    """The graph in dynamic int8."""
    import onnx
    from onnxruntime.quantization import quantize_dynamic

    extra = {"DefaultTensorType": onnx.TensorProto.FLOAT}  # it cannot see through the fused nodes
    quantize_dynamic(file, file.with_name("int8.onnx"), per_channel=True, extra_options=extra)
    return file.with_name("int8.onnx")


def _onnx(file: Path, full: Any, tokenizer: tokens.Tokenizer, threads: int | None) -> Encode:
    """ONNX Runtime on a graph of the full model, in this package's batches."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads or torch.get_num_threads()
    session = onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])

    def encode(texts: Sequence[str]) -> NDArray[np.float32]:
        ids, _ = tokenizer(texts)
        vectors = np.empty((len(ids), full.config.hidden_size), dtype=np.float32)
        for batch in tokens.batches([len(row) for row in ids], CPU_TOKEN_BUDGET):
            padded, mask = tokens.padded([ids[row] for row in batch])
            inputs = {"input_ids": padded.numpy(), "attention_mask": mask.numpy()}
            vectors[batch] = session.run(None, inputs)[0]
        return vectors

    return encode


class _First(torch.nn.Module):
    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        hidden: torch.Tensor = self.model(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
        return hidden[:, 0]


# --- measuring --------------------------------------------------------------------------------------------------


class _Rates(NamedTuple):
    """Best rates of matrix products, in FLOP per second.

    Of the fastest kind, of `torch.nn.Linear`, and of the fastest kind per processor second (of all threads together).
    """

    fastest: float
    torch: float
    processor: float


def _limit(full: Any) -> Callable[[], _Rates]:
    """Make a function that multiplies fp32 matrices in one layer's shapes, as torch does and as `fast_bert` does."""
    width = full.config.hidden_size
    inner = getattr(full.config, "intermediate_size", None) or full.config.hidden_dim
    shapes = [(width, 3 * width), (width, width), (width, inner), (inner, width)]
    plain = [torch.nn.Linear(into, out) for into, out in shapes]
    kinds: list[Sequence[Callable[[torch.Tensor], torch.Tensor]]] = [
        plain,  # first: `_Rates.torch` is its rate
        [fast_bert.Linear(layer) for layer in plain],
    ]
    inputs = [torch.randn(CPU_TOKEN_BUDGET, into) for into, _ in shapes]
    flop = sum(2 * CPU_TOKEN_BUDGET * into * out for into, out in shapes)

    @torch.inference_mode()
    def measure() -> _Rates:
        walls, processor = [float("inf")] * len(kinds), float("inf")
        for place, kind in enumerate(kinds):
            for _ in range(12):
                before, processor_before = time.perf_counter(), time.process_time()
                for product, x in zip(kind, inputs, strict=True):
                    product(x)
                walls[place] = min(walls[place], time.perf_counter() - before)
                processor = min(processor, time.process_time() - processor_before)
        return _Rates(fastest=flop / min(walls), torch=flop / walls[0], processor=flop / processor)

    return measure


def _own_pooling(path: Path) -> str:
    """What sentence-transformers does with this directory; the mean over tokens where it says nothing."""
    try:
        return checkpoint.own_settings(path)[0]
    except BadInput:
        return "mean"


def _cosine(found: NDArray[np.float32], full: Any, ids: Sequence[tokens.TokenIds], pooling: str) -> float:
    """Least cosine to the full model's vectors, computed text by text."""
    with torch.inference_mode():
        exact = torch.cat([FullModel(full, pooling, pad=0)([row]) for row in ids])
    return round(float(torch.cosine_similarity(torch.from_numpy(found), exact).min()), 5)


@contextmanager
def _threads(count: int | None) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(count or before)
    try:
        yield
    finally:
        torch.set_num_threads(before)
