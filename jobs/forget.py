"""`recsys forget` as a module: python -m jobs.forget."""

from recsys.cli import program
from recsys.cli.forget import forget

app = program(forget)

if __name__ == "__main__":
    app()
