"""`recsys check` as a module: python -m jobs.check."""

from recsys.cli import program
from recsys.cli.check import check

app = program(check)

if __name__ == "__main__":
    app()
