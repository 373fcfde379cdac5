"""`recsys versions` as a module: python -m jobs.versions."""

from recsys.cli import program
from recsys.cli.versions import versions

app = program(versions)

if __name__ == "__main__":
    app()
