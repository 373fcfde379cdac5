"""`recsys recommend` as a module: python -m jobs.recommend."""

from recsys.cli import job

app = job("recommend", __name__)
