"""`recsys evaluate` as a module: python -m jobs.evaluate."""

from recsys.cli import job

app = job("evaluate", __name__)
