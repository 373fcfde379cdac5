"""Vetting of files a stranger wrote for a model: what burns the machine or imports a module is refused."""

from __future__ import annotations

import json

import pytest

from recsys.errors import ArtifactError, BadInput
from recsys.llm import vetting
from recsys.llm.vetting import vet_adapter, vet_template

LOOP = "{% for i in range(99999) %}{% for j in range(99999) %}%s{% endfor %}{% endfor %}"


@pytest.mark.parametrize(
    "template", [LOOP.replace("%s", "{% set x = j %}"), "{{ 'x' * 2000000000 }}"], ids=["time", "memory"]
)
def test_a_template_that_burns_the_machine_is_refused(template):
    with pytest.raises(BadInput, match="model 'stranger': its chat template takes more than 2 s, 256 MB"):
        vet_template(template, "stranger")


def test_ordinary_templates_pass_even_those_that_refuse_a_role():
    vet_template("{% for m in messages %}<{{ m.role }}>{{ m.content }}{% endfor %}", "ours")
    vet_template("{{ raise_exception('no system role') }}", "ours")


def test_a_template_of_a_megabyte_is_not_even_tried(monkeypatch):
    monkeypatch.setattr(vetting, "fits", None)
    with pytest.raises(BadInput, match=r"has 1,000,000 characters, more than 65,536"):
        vet_template("x" * 1_000_000, "stranger")


PLAIN = {"peft_type": "LORA", "r": 8, "auto_mapping": None, "megatron_config": None, "rank_pattern": {}}


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"peft_type": "IA3"}, "is of type 'IA3'"),
        ({"auto_mapping": {"base_model_class": "X", "parent_library": "os"}}, "sets auto_mapping"),
        ({"megatron_config": {"a": 1}, "megatron_core": "antigravity"}, "sets megatron_config"),
        ({"r": 10**9}, "has a rank"),
        ({"rank_pattern": {"q": 10**9}}, "has a rank"),
    ],
)
def test_an_adapter_that_names_code_or_takes_all_memory_is_refused(tmp_path, change, fault):
    (tmp_path / "adapter_config.json").write_text(json.dumps(PLAIN | change))
    with pytest.raises(ArtifactError, match=f"adapter_config.json {fault}"):
        vet_adapter(tmp_path)


@pytest.mark.parametrize("text", ["[]", "{", "x" * 100_000])
def test_what_is_no_configuration_is_refused(tmp_path, text):
    (tmp_path / "adapter_config.json").write_text(text)
    with pytest.raises(ArtifactError, match=r"adapter_config\.json"):
        vet_adapter(tmp_path)


def test_a_plain_adapter_passes(tmp_path):
    (tmp_path / "adapter_config.json").write_text(json.dumps(PLAIN))
    vet_adapter(tmp_path)
