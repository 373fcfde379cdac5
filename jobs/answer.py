"""`recsys answer` as a module: python -m jobs.answer."""

from recsys.cli import program
from recsys.cli.answer import answer

app = program(answer)

if __name__ == "__main__":
    app()
