"""`recsys config` as a module: python -m jobs.config."""

from recsys.cli import job

app = job("config", __name__)
