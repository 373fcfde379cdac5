"""`recsys explain` as a module: python -m jobs.explain."""

from recsys.cli import program
from recsys.cli.explain import explain

app = program(explain)

if __name__ == "__main__":
    app()
