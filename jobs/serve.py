"""`recsys serve` as a module: python -m jobs.serve."""

from recsys.cli import program
from recsys.cli.serve import serve

app = program(serve)

if __name__ == "__main__":
    app()
