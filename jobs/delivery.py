"""`recsys delivery` as a module: python -m jobs.delivery."""

from recsys.cli import job

app = job("delivery", __name__)
