"""`recsys demo` as a module: python -m jobs.demo."""

from recsys.cli import job

app = job("demo", __name__)
