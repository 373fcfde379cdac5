"""`recsys explain` as a module: python -m jobs.explain."""

from recsys.cli import job

app = job("explain", __name__)
