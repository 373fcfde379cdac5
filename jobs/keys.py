"""`recsys keys` as a module: python -m jobs.keys."""

from recsys.cli import job

app = job("keys", __name__)
