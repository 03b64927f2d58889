"""``condeq`` and ``python -m condeq``: the command, once what it stands on is known to be there and to be ours."""

import sys

from condeq import surroundings

__all__ = ["main"]


def main() -> None:
    """Run the command, or say in one sentence what is missing or in the way, with exit code 2."""
    trouble = surroundings.trouble()
    if trouble:
        print(f"condeq: {trouble}", file=sys.stderr)
        sys.exit(2)
    from condeq.cli import main as command

    command()


if __name__ == "__main__":
    main()
