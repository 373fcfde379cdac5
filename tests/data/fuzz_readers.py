"""Coverage-guided fuzzing of the readers of files, where atheris (Linux) is installed; no part of the test suite.

`recsys trust` draws files from a seed; this grows them towards code that no file has reached yet. Each must be read, or
refused in one line. Begins with files of `recsys trust`:

    pip install atheris && python tests/data/fuzz_readers.py csv -max_total_time=300 -rss_limit_mb=3000 -timeout=20
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from random import Random

import atheris

with atheris.instrument_imports(include=["recsys.data"]):
    from recsys.data import schema
    from recsys.data.sources import read_table

from recsys.cli._trust import mutations
from recsys.errors import BadInput

#: Files to begin with.
SEEDS = 300


def main() -> None:
    """Fuzz the reader of one of `mutations.FORMATS` until libFuzzer's limits."""
    kind, options = sys.argv[1], sys.argv[2:]
    folder = Path(tempfile.mkdtemp(prefix=f"fuzz-{kind}-"))
    (folder / "corpus").mkdir()
    for number in range(SEEDS):
        (folder / "corpus" / str(number)).write_bytes(mutations.file(Random(f"fuzz {kind} {number}"), kind))
    path = folder / f"input.{kind}"

    def one(data: bytes) -> None:
        path.write_bytes(data)
        try:
            table = read_table(path)
            check = schema.check_interactions if "user_id" in table.columns else schema.check_items
            check(table)
        except BadInput as error:
            if "\n" in str(error):
                raise RuntimeError(f"a message of several lines: {error}") from error

    atheris.Setup([sys.argv[0], *options, str(folder / "corpus")], one)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
