"""Score predictions of another system: python -m eval.outside --help."""

from __future__ import annotations

from collection.cli import run_verb
from eval.outside.verb import OutsideConfig, work


def main() -> None:
    """Run the verb."""
    run_verb("outside", OutsideConfig, work)


if __name__ == "__main__":
    main()
