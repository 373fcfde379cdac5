"""`recsys train` as a module: python -m jobs.train."""

from recsys.cli import program
from recsys.cli.train import train

app = program(train)

if __name__ == "__main__":
    app()
