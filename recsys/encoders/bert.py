"""BERT, RoBERTa and DistilBERT encoders in plain torch, with one set of names for the parts of all three.

Made from the tensors and the configuration of a Hugging Face checkpoint, or not at all: whatever is not exactly what is
known here raises `Unfamiliar`. A `Bert` is called as the model of `transformers` is, and equals it within 1e-5.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import torch
from torch import nn
from torch.nn import functional


class Unfamiliar(Exception):
    """A checkpoint that is not exactly of a kind known here; the message says in what it differs."""


def require(known: bool, difference: str) -> None:
    """Raise `Unfamiliar` unless `known`."""
    if not known:
        raise Unfamiliar(difference)


@dataclass(frozen=True)
class BertConfig:
    """The settings that decide a vector, under the names that BERT has for them."""

    model_type: str
    vocab_size: int
    hidden_size: int
    intermediate_size: int
    num_hidden_layers: int
    num_attention_heads: int
    max_position_embeddings: int
    type_vocab_size: int
    layer_norm_eps: float
    pad_token_id: int

    @classmethod
    def read(cls, written: Mapping[str, Any]) -> BertConfig:
        """Read what `config.json` holds."""
        family = _FAMILIES.get(written.get("model_type", ""))
        if family is None:
            raise Unfamiliar(f"model type {written.get('model_type')!r}")
        for key, plain in {family.activation: "gelu", **_PLAIN}.items():
            require(written.get(key, _PLAIN.get(key)) == plain, f"{key} is {written.get(key)!r}")
        names = {name: family.settings.get(name, name) for name in cls.__dataclass_fields__ if name not in family.fixed}
        missing = [key for key in names.values() if written.get(key) is None]
        require(not missing, f"the configuration does not say {missing}")
        config = cls(**family.fixed, **{name: written[key] for name, key in names.items()})
        require(config.hidden_size % config.num_attention_heads == 0, "heads of unequal size")
        return config

    @property
    def first_position(self) -> int:
        """RoBERTa's family counts positions from behind its padding index."""
        return 0 if self.model_type in {"bert", "distilbert"} else self.pad_token_id + 1


class Output(NamedTuple):
    """Output of a `Bert`, under the name that models of `transformers` have for it."""

    last_hidden_state: torch.Tensor


class Layer(nn.Module):
    """Transformer layer: self-attention and feed-forward, each followed by the residual and a norm (post-norm)."""

    def __init__(self, config: BertConfig) -> None:
        super().__init__()
        size, inner, eps = config.hidden_size, config.intermediate_size, config.layer_norm_eps
        self.query, self.key, self.value = nn.Linear(size, size), nn.Linear(size, size), nn.Linear(size, size)
        self.output, self.attention_norm = nn.Linear(size, size), nn.LayerNorm(size, eps)
        self.up, self.down, self.norm = nn.Linear(size, inner), nn.Linear(inner, size), nn.LayerNorm(size, eps)
        self._heads = config.num_attention_heads

    def forward(self, hidden: torch.Tensor, mask: torch.Tensor | None) -> torch.Tensor:
        """`(texts, length, dim)` to the same of the next layer."""
        query, key, value = (
            part(hidden).unflatten(-1, (self._heads, -1)).transpose(1, 2) for part in (self.query, self.key, self.value)
        )
        context = functional.scaled_dot_product_attention(query, key, value, attn_mask=mask)
        hidden = self.attention_norm(self.output(context.transpose(1, 2).flatten(2)) + hidden)
        out: torch.Tensor = self.norm(self.down(functional.gelu(self.up(hidden))) + hidden)
        return out


class Bert(nn.Module):
    """Encoder of embeddings and layers, in evaluation mode; `recsys.encoders.fast_bert` computes it with less work."""

    def __init__(self, config: BertConfig) -> None:
        super().__init__()
        self.config = config
        size = config.hidden_size
        # not torch.nn.Embedding: it fills itself with noise, for which torch imports its compiler on "meta"
        self.word = nn.Parameter(torch.empty(config.vocab_size, size))
        self.position = nn.Parameter(torch.empty(config.max_position_embeddings, size))
        self.segment = nn.Parameter(torch.empty(config.type_vocab_size, size)) if config.type_vocab_size else None
        self.norm = nn.LayerNorm(size, config.layer_norm_eps)
        self.layers = nn.ModuleList(Layer(config) for _ in range(config.num_hidden_layers))

    @classmethod
    def of(cls, model: Any) -> Bert:
        """Return the encoder of a `transformers` model, with the same tensors; a `Bert` is its own."""
        return model if isinstance(model, Bert) else cls.read(model.config.to_dict(), model.state_dict())

    @classmethod
    def read(cls, written: Mapping[str, Any], tensors: Mapping[str, torch.Tensor]) -> Bert:
        """Make an encoder of what `config.json` holds and of the tensors under the names of its architecture.

        Parameters
        ----------
        written
            The configuration.
        tensors
            By name, without the prefix that models with a head have. They are not copied; others may be among them.

        Raises
        ------
        Unfamiliar
            The configuration or a tensor is not what is known of this architecture.
        """
        config = BertConfig.read(written)
        family = _FAMILIES[config.model_type]
        with torch.device("meta"):
            bert = cls(config)
        names = {own: family.name(own) for own in bert.state_dict()}
        missing = [name for name in names.values() if name not in tensors]
        require(not missing, f"no tensor {missing[:1]}")
        try:
            bert.load_state_dict({own: tensors[name] for own, name in names.items()}, assign=True)
        except RuntimeError as error:
            raise Unfamiliar(str(error)) from error
        return bert.requires_grad_(False).eval()

    def position_embeddings(self) -> torch.Tensor:
        """Position embeddings, with that of the first segment added where there are segments: `(longest text, dim)`."""
        table = self.position[self.config.first_position :]
        return table if self.segment is None else table + self.segment[0]

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor | None = None) -> Output:
        """Hidden states `(texts, length, dim)` of token ids `(texts, length)`; the mask is 0 where there is padding."""
        hidden = self.norm(
            functional.embedding(input_ids, self.word) + self.position_embeddings()[: input_ids.shape[1]]
        )
        mask = None if attention_mask is None else attention_mask[:, None, None, :].bool()
        for layer in self.layers:
            hidden = layer(hidden, mask)
        return Output(hidden)


# --- what each architecture calls its own way -------------------------------------------------------------------


@dataclass(frozen=True)
class _Family:
    """The names that an architecture has for its settings and tensors."""

    activation: str
    layers: str
    parts: Mapping[str, str]
    settings: Mapping[str, str] = field(default_factory=dict)
    """Settings that are not called what BERT calls them."""
    fixed: Mapping[str, Any] = field(default_factory=dict)
    """Settings that are the same in every model of it."""

    def name(self, own: str) -> str:
        """Name in the architecture's checkpoints of a tensor of `Bert`."""
        if own in _EMBEDDINGS:
            return f"embeddings.{_EMBEDDINGS[own]}"
        _, number, part, kind = own.split(".")
        return f"{self.layers}.{number}.{self.parts[part]}.{kind}"


_PLAIN = {"position_embedding_type": "absolute", "is_decoder": False, "sinusoidal_pos_embds": False}
"""Settings that must have these values where a configuration has them at all."""
_EMBEDDINGS = {
    "word": "word_embeddings.weight",
    "position": "position_embeddings.weight",
    "segment": "token_type_embeddings.weight",
    "norm.weight": "LayerNorm.weight",
    "norm.bias": "LayerNorm.bias",
}
_BERT = _Family(
    activation="hidden_act",
    layers="encoder.layer",
    parts={
        "query": "attention.self.query",
        "key": "attention.self.key",
        "value": "attention.self.value",
        "output": "attention.output.dense",
        "attention_norm": "attention.output.LayerNorm",
        "up": "intermediate.dense",
        "down": "output.dense",
        "norm": "output.LayerNorm",
    },
)
_DISTILBERT = _Family(
    activation="activation",
    layers="transformer.layer",
    parts={
        "query": "attention.q_lin",
        "key": "attention.k_lin",
        "value": "attention.v_lin",
        "output": "attention.out_lin",
        "attention_norm": "sa_layer_norm",
        "up": "ffn.lin1",
        "down": "ffn.lin2",
        "norm": "output_layer_norm",
    },
    settings={
        "hidden_size": "dim",
        "intermediate_size": "hidden_dim",
        "num_hidden_layers": "n_layers",
        "num_attention_heads": "n_heads",
    },
    fixed={"type_vocab_size": 0, "layer_norm_eps": 1e-12},
)
_FAMILIES = {"bert": _BERT, "roberta": _BERT, "xlm-roberta": _BERT, "camembert": _BERT, "distilbert": _DISTILBERT}
