"""`recsys evaluate` as a module: python -m jobs.evaluate."""

from recsys.cli.evaluate import app

if __name__ == "__main__":
    app()
