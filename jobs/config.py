"""`recsys config` as a module: python -m jobs.config."""

from recsys.cli import program
from recsys.cli.config import config

app = program(config)

if __name__ == "__main__":
    app()
