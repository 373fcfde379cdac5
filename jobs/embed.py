"""`recsys embed` as a module: python -m jobs.embed."""

from recsys.cli import job

app = job("embed", __name__)
