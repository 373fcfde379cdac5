"""`recsys reviews` as a module: python -m jobs.reviews."""

from recsys.cli import job

app = job("reviews", __name__)
