"""The guide as pages: ``python -m convsolve.guide --html DIR``; without options, the list of its topics."""

import argparse
from pathlib import Path

from . import TOPICS, page
from .site import write_site


def main() -> None:
    """Write the guide as pages into a folder, or print one topic, or the list of them."""
    parser = argparse.ArgumentParser(prog="python -m convsolve.guide", description="The guide of convsolve.")
    parser.add_argument("topic", nargs="?", choices=list(TOPICS), metavar="TOPIC", help="print this page")
    parser.add_argument("--html", type=Path, metavar="DIR", help="write all pages as HTML into this folder")
    given = parser.parse_args()
    if given.html is not None:
        given.html.mkdir(parents=True, exist_ok=True)
        print(write_site(given.html)[0])
    elif given.topic is not None:
        print(page(given.topic), end="")
    else:
        print("\n".join(f"{topic}: {about}" for topic, about in TOPICS.items()))


if __name__ == "__main__":
    main()
