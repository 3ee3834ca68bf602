"""``python -m skyulf_service.signing FOLDER``: the keys of all services, a folder for each."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from skyulf_service.ports import PORTS
from skyulf_service.signing.folders import make_folders
from skyulf_service.signing.keys import KeyFileError


def main(argv: Sequence[str] | None = None) -> int:
    """Make what is missing, and say where everything is; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m skyulf_service.signing", description=__doc__)
    parser.add_argument("folder", type=Path, help="Where a folder for each service is made")
    folder: Path = parser.parse_args(argv).folder
    try:
        made = make_folders({service: folder / service for service in PORTS})
    except (KeyFileError, OSError) as error:
        print(error, file=sys.stderr)  # noqa: T201 - the answer to a person
        return 1
    for service, key in made.items():
        print(f"{folder / service}: key {key.kid} of {service}, public keys of all")  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(main())
