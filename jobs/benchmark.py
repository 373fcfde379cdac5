"""`recsys benchmark` as a module: python -m jobs.benchmark."""

from recsys.cli import job

app = job("benchmark", __name__)
