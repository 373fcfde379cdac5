"""`recsys seal` as a module: python -m jobs.seal."""

from recsys.cli import job

app = job("seal", __name__)
