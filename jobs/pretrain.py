"""`recsys pretrain` as a module: python -m jobs.pretrain."""

from recsys.cli import job

app = job("pretrain", __name__)
