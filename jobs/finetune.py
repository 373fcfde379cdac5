"""`recsys finetune` as a module: python -m jobs.finetune."""

from recsys.cli import job

app = job("finetune", __name__)
