"""`recsys answer` as a module: python -m jobs.answer."""

from recsys.cli import job

app = job("answer", __name__)
