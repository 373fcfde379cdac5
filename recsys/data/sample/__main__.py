"""`python -m recsys.data.sample OUT_DIR` writes the sample shop."""

from __future__ import annotations

import argparse
from pathlib import Path

from recsys.data.sample import SEED, write_sample


def main() -> None:
    """Parse the arguments and write the files."""
    parser = argparse.ArgumentParser(
        prog="python -m recsys.data.sample",
        description="Write the synthetic sample shop.",
        epilog="example: python -m recsys.data.sample data/sample",
    )
    parser.add_argument("out", type=Path, metavar="OUT_DIR")
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--language", choices=("en", "zh"), default="en", help="zh: a Chinese storefront")
    parser.add_argument("--pictures", action="store_true", help="draw each product, too")
    arguments = parser.parse_args()
    write_sample(arguments.out, arguments.seed, arguments.language, pictures=arguments.pictures)
    size = sum(path.stat().st_size for path in arguments.out.rglob("*") if path.is_file())
    print(f"sample shop written to {arguments.out} ({size / 1e6:.2f} MB)")


if __name__ == "__main__":
    main()
