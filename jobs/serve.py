"""`recsys serve` as a module: python -m jobs.serve."""

from recsys.cli import job

app = job("serve", __name__)
