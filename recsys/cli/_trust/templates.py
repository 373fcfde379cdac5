"""Chat templates of strangers: programs that loop, grow or recurse, tried as a model's own would be."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from random import Random

from recsys.cli._trust.shop import enter
from recsys.cli._trust.supervised import Make, Work
from recsys.errors import BadInput

COUNT = 200
_HEAD = "{% for m in messages %}<|{{ m['role'] }}|>{{ m['content'] }}"
_PARTS = (
    "{% endfor %}", "{% if add_generation_prompt %}<|assistant|>{% endif %}", "{{ m['content'] | upper }}",
    "{% for i in range(10 ** N) %}a{% endfor %}", "{{ 'a' * 10 ** N }}", "{{ [0] * 10 ** N }}", "{{ 9 ** 9 ** N }}",
    "{% macro f(n) %}{{ f(n + 1) }}{{ f(n + 1) }}{% endmacro %}{{ f(0) }}", "{{ ''.__class__.__mro__ }}",
    "{{ cycler.__init__.__globals__.os.system('true') }}", "{{ raise_exception('no') }}",
    "{% set a = messages * 9 ** N %}",
    "{{ messages | tojson(indent=N) }}", "{{ 'a' | center(10 ** N) }}", "{{ '%0*d' % (10 ** N, 1) }}",
    "{% include 'x' %}", "{{ x.y.z }}",
    "{{ messages | map('upper') | list }}", "{% for a in messages %}{% for b in range(10 ** N) %}{{ b }}{% endfor %}",
    "{{ lipsum(n=10 ** N) }}", "{{ ('a' * 10 ** 4) | replace('a', 'b' * 10 ** N) }}", "{{", "{% if %}", "{#", "\x00",
)  # fmt: skip


def template(rng: Random) -> str:
    """A template of some parts, with numbers up to a billion in them."""
    parts = [rng.choice(_PARTS).replace("N", str(rng.randint(1, 9))) for _ in range(rng.randint(1, 4))]
    return rng.choice(("", _HEAD)) + "".join(parts) * rng.choice((1, 1, 40))


def maker(variables: Mapping[str, str], seed: int) -> Make:
    """Templates through the trial that every model's goes through before it renders anything."""
    from recsys.llm.vetting import vet_template

    def make(folder: Path) -> Work:
        enter(variables)

        def work(number: int) -> str:
            try:
                vet_template(template(Random(f"{seed} {number}")), "stranger")  # noqa: S311 - no secret
            except BadInput:
                return "refused"
            return "rendered or refused by itself, within the limits"

        return work

    return make
