"""`recsys nightly` as a module: python -m jobs.nightly."""

from recsys.cli import job

app = job("nightly", __name__)
