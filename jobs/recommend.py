"""`recsys recommend` as a module: python -m jobs.recommend."""

from recsys.cli import program
from recsys.cli.recommend import recommend

app = program(recommend)

if __name__ == "__main__":
    app()
