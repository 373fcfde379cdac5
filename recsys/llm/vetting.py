"""Vetting of what a stranger may have written for a model, before anything of it runs: chat templates and LoRA configs.

A chat template is a program in Jinja's language. transformers runs it in a sandbox, where it can reach nothing, but may
take all time and memory there are; peft imports the modules that an adapter's configuration names.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from recsys.data.trial import fits
from recsys.errors import ArtifactError, BadInput

#: Templates of the pinned models (SHA-256), whose weights and tokenizers are verified as a whole: they need no trial.
_KNOWN = frozenset({"872be49dbb638044ad01b60388f48d469ff2980e5f0dccdc22ec907db54d0788"})
TEMPLATE_CHARACTERS, CONFIG_BYTES = 65_536, 65_536
#: What rendering a conversation of four short turns may take: processor seconds, bytes, characters of its result.
SECONDS, MEMORY, CHARACTERS = 2, 256 * 2**20, 65_536
_MAX_RANK = 512
#: Keys by which peft imports a module, or reads a file, that the configuration names.
_IMPORTS = ("auto_mapping", "megatron_config", "corda_config", "eva_config", "loftq_config", "runtime_config")

_TRIAL = """
from transformers.utils.chat_template_utils import render_jinja_template
characters = int(sys.argv[3])
template = sys.stdin.read()
limit()
turns = [{"role": role, "content": "Is it in stock?"} for role in ("system", "user", "assistant", "user")]
try:
    texts, _ = render_jinja_template([turns], chat_template=template, add_generation_prompt=True)
except MemoryError:
    sys.exit(3)
except Exception:
    sys.exit(0)  # refusing a role, say, is the template's right; the caller gets to know when it renders
sys.exit(3 if len(texts[0]) > characters else 0)
"""


@lru_cache(maxsize=16)
def vet_template(template: str, name: str) -> None:
    """Render a short conversation in another process, under limits of time, memory and length.

    Parameters
    ----------
    name
        The model's, for the message.

    Raises
    ------
    BadInput
        The template is too long, or takes more than the limits.
    """
    if hashlib.sha256(template.encode()).hexdigest() in _KNOWN:
        return
    advice = "take the model from its publisher, or remove `chat_template` from its tokenizer_config.json"
    if len(template) > TEMPLATE_CHARACTERS:
        raise BadInput(f"model {name!r}: its chat template has {len(template):,} characters, more than "
                       f"{TEMPLATE_CHARACTERS:,}; {advice}")  # fmt: skip
    if not fits(_TRIAL, template.encode(), seconds=SECONDS, memory=MEMORY, arguments=[CHARACTERS]):
        raise BadInput(
            f"model {name!r}: its chat template takes more than {SECONDS} s, {MEMORY // 2**20} MB or {CHARACTERS:,} "
            f"characters for four short turns; {advice}"
        )


def vet_adapter(folder: Path) -> None:
    """Check a LoRA adapter's configuration before peft reads it.

    Raises
    ------
    ArtifactError
        It is no plain LoRA adapter: another kind, a rank out of bounds, or a key by which a module would be imported.
    """
    path = folder / "adapter_config.json"
    advice = "train one with `recsys finetune`"
    try:
        size = path.stat().st_size
        config = json.loads(path.read_text("utf-8")) if size <= CONFIG_BYTES else None
    except (OSError, ValueError) as error:
        raise ArtifactError(f"adapter {folder}: adapter_config.json cannot be read ({error}); {advice}") from None
    if not isinstance(config, Mapping):
        raise ArtifactError(
            f"adapter {folder}: adapter_config.json is no object of at most {CONFIG_BYTES:,} bytes; {advice}"
        )
    if fault := _adapter_fault(config):
        raise ArtifactError(f"adapter {folder}: adapter_config.json {fault}; {advice}")


def _adapter_fault(config: Mapping[str, Any]) -> str:
    if config.get("peft_type") != "LORA":
        return f"is of type {str(config.get('peft_type'))[:40]!r}, and only LORA is read"
    if named := [key for key in _IMPORTS if config.get(key)]:
        return f"sets {named[0]}, by which code or files that it names would be loaded"
    ranks = [config.get("r"), *dict(config.get("rank_pattern") or {}).values()]
    if any(not isinstance(rank, int) or not 1 <= rank <= _MAX_RANK for rank in ranks):
        return f"has a rank that is no whole number from 1 to {_MAX_RANK}"
    return ""
