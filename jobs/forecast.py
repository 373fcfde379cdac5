"""`recsys forecast` as a module: python -m jobs.forecast."""

from recsys.cli import job

app = job("forecast", __name__)
