"""`recsys doctor` as a module: python -m jobs.doctor."""

from recsys.cli import job

app = job("doctor", __name__)
