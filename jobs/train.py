"""`recsys train` as a module: python -m jobs.train."""

from recsys.cli import job

app = job("train", __name__)
