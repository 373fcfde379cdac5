"""`recsys pretrain` as a module: python -m jobs.pretrain."""

from recsys.cli import program
from recsys.cli.pretrain import pretrain

app = program(pretrain)

if __name__ == "__main__":
    app()
