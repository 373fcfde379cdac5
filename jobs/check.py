"""`recsys check` as a module: python -m jobs.check."""

from recsys.cli import job

app = job("check", __name__)
