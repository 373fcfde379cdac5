"""`recsys pictures` as a module: python -m jobs.pictures."""

from recsys.cli import job

app = job("pictures", __name__)
