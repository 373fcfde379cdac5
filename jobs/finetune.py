"""`recsys finetune` as a module: python -m jobs.finetune."""

from recsys.cli.finetune import app

if __name__ == "__main__":
    app()
