"""Speech becomes words: mechanics on a tiny model of random weights, meaning on the pinned one and espeak-ng."""

from __future__ import annotations

import shutil
import subprocess

import numpy as np
import pytest

from recsys.encoders.pretrained import resolve
from recsys.errors import BadInput, MissingExtra, RecsysError
from recsys.voice import Transcriber
from tests.voice.test_audio import wav

ESPEAK = shutil.which("espeak-ng")


@pytest.fixture(scope="module")
def tiny_whisper(tmp_path_factory):
    """A multilingual Whisper of random weights, in the layout of transformers, with a vocabulary of single letters."""
    import json

    import torch
    from tokenizers.pre_tokenizers import ByteLevel
    from transformers import (
        GenerationConfig,
        WhisperConfig,
        WhisperFeatureExtractor,
        WhisperForConditionalGeneration,
        WhisperTokenizer,
    )

    folder = tmp_path_factory.mktemp("whisper")
    special = ["<|endoftext|>", "<|startoftranscript|>", "<|en|>", "<|zh|>", "<|transcribe|>", "<|notimestamps|>"]
    vocabulary = {token: code for code, token in enumerate(sorted(ByteLevel.alphabet()))}
    (folder / "vocab.json").write_text(json.dumps(vocabulary | {special[0]: len(vocabulary)}), "utf-8")
    (folder / "merges.txt").write_text("#version: 0.2\n", "utf-8")
    tokenizer = WhisperTokenizer(str(folder / "vocab.json"), str(folder / "merges.txt"))
    tokenizer.add_special_tokens({"additional_special_tokens": special[1:]})
    ids = {token: tokenizer.convert_tokens_to_ids(token) for token in special}
    tokenizer.save_pretrained(folder)
    WhisperFeatureExtractor().save_pretrained(folder)
    torch.manual_seed(0)
    sizes = {"d_model": 16, "encoder_layers": 1, "decoder_layers": 1, "encoder_attention_heads": 2}
    start, end = ids["<|startoftranscript|>"], ids["<|endoftext|>"]
    ends = {"bos_token_id": end, "eos_token_id": end, "pad_token_id": end, "decoder_start_token_id": start}
    config = WhisperConfig(
        vocab_size=len(tokenizer), decoder_attention_heads=2, encoder_ffn_dim=32, decoder_ffn_dim=32, **sizes, **ends
    )
    config.begin_suppress_tokens = None
    model = WhisperForConditionalGeneration(config)
    model.generation_config = GenerationConfig(
        is_multilingual=True,
        lang_to_id={"<|en|>": ids["<|en|>"], "<|zh|>": ids["<|zh|>"]},
        task_to_id={"transcribe": ids["<|transcribe|>"]},
        no_timestamps_token_id=ids["<|notimestamps|>"],
        max_length=64,
        **ends,
    )
    model.save_pretrained(folder)
    return folder


def test_a_model_of_transformers_hears_in_the_language_it_is_told(tiny_whisper):
    transcriber = Transcriber.load(str(tiny_whisper))
    recording = wav(np.random.default_rng(0).normal(0, 0.1, 8_000).clip(-1, 1))
    told = transcriber.transcribe(recording, "zh")
    assert (told.language, told.seconds) == ("zh", 0.5)
    assert told == transcriber.transcribe(recording, "zh")  # nothing is drawn
    assert transcriber.transcribe(recording).language in {"en", "zh"}
    with pytest.raises(BadInput, match="'xx': the model knows en, zh"):
        transcriber.transcribe(recording, "xx")
    with pytest.raises(BadInput, match="no WAV file"):
        transcriber.transcribe(b"noise")


def test_chinese_is_written_in_simplified_characters():
    pytest.importorskip("opencc", reason="the extra 'voice' is not installed")
    recording = wav(np.zeros(8_000))
    taiwanese = Transcriber(lambda samples, language: ("運費多少錢？ 頭髮乾淨嗎", language or "zh"))
    assert taiwanese.transcribe(recording, "zh").text == "运费多少钱？ 头发干净吗"
    assert taiwanese.transcribe(recording).text == "运费多少钱？ 头发干净吗"  # guessed
    assert taiwanese.transcribe(recording, "ja").text == "運費多少錢？ 頭髮乾淨嗎"


def test_chinese_that_sounds_alike_is_no_error_of_syllables():
    pytest.importorskip("jiwer", reason="the extra 'dev' is not installed")
    pytest.importorskip("pypinyin", reason="the extra 'zh' is not installed")
    from recsys.cli._benchmarks.voice import _finer

    assert _finer(["运 费 多 少 钱"], ["云 费 多 少 前"], "zh") == {"syllable_error_rate": 0.0}
    assert _finer(["运 费 多 少 钱"], ["运 费 多 大"], "zh") == {"syllable_error_rate": pytest.approx(2 / 5)}
    assert _finer(["my parcel"], ["my parcels"], "en") == {"character_error_rate": pytest.approx(1 / 9)}


def test_a_directory_of_another_model_is_refused(tiny_whisper, tmp_path):
    shutil.copytree(tiny_whisper, tmp_path / "other")
    (tmp_path / "other" / "config.json").write_text('{"model_type": "bert"}', "utf-8")
    with pytest.raises(BadInput, match="not that of a Whisper model"):
        Transcriber.load(str(tmp_path / "other"))


def test_without_the_extra_it_says_which(tmp_path, monkeypatch):
    import sys

    (tmp_path / "model.bin").write_bytes(b"")
    (tmp_path / "vocabulary.txt").write_text("a\n", "utf-8")
    monkeypatch.setitem(sys.modules, "faster_whisper", None)
    with pytest.raises(MissingExtra, match=r"pip install 'shop-recsys\[voice\]'"):
        Transcriber.load(str(tmp_path))


@pytest.mark.weights
@pytest.mark.skipif(ESPEAK is None, reason="espeak-ng is not installed: nobody can speak")
def test_spoken_questions_are_written_down(tmp_path):
    pytest.importorskip("faster_whisper", reason="the extra 'voice' is not installed")
    try:
        resolve("whisper-base")
    except RecsysError as error:
        pytest.skip(str(error))
    transcriber = Transcriber.load("whisper-base")
    for said in ("How long does delivery take?", "Where is my parcel?"):
        subprocess.run([ESPEAK, "-v", "en", "-s", "140", "-w", tmp_path / "said.wav", said], check=True)
        heard = transcriber.transcribe((tmp_path / "said.wav").read_bytes(), "en")
        assert heard.text.lower().strip(" ?.") == said.lower().strip("?")
    with pytest.raises(BadInput, match="'xx': the model knows"):
        transcriber.transcribe((tmp_path / "said.wav").read_bytes(), "xx")
    assert transcriber.transcribe(wav(np.zeros(16_000)), "en").text == ""
