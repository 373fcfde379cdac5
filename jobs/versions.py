"""`recsys versions` as a module: python -m jobs.versions."""

from recsys.cli import job

app = job("versions", __name__)
