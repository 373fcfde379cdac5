"""`recsys benchmark` as a module: python -m jobs.benchmark."""

from recsys.cli import program
from recsys.cli.benchmark import benchmark

app = program(benchmark)

if __name__ == "__main__":
    app()
