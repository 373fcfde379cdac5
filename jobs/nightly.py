"""`recsys nightly` as a module: python -m jobs.nightly."""

from recsys.cli import program
from recsys.cli.nightly import nightly

app = program(nightly)

if __name__ == "__main__":
    app()
