"""`recsys forget` as a module: python -m jobs.forget."""

from recsys.cli import job

app = job("forget", __name__)
