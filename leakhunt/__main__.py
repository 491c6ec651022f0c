"""The `leakhunt` command."""

from __future__ import annotations

import sys

from leakhunt.cli.main import main


def run() -> None:
    """Console entry point."""
    sys.exit(main(sys.argv[1:]))


if __name__ == "__main__":
    run()
