"""`recsys trust` as a module: python -m jobs.trust."""

from recsys.cli import job

app = job("trust", __name__)
