"""`recsys embed` as a module: python -m jobs.embed."""

from recsys.cli import program
from recsys.cli.embed import embed

app = program(embed)

if __name__ == "__main__":
    app()
