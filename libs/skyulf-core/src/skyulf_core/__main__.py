"""`python -m skyulf_core`: the catalogue of nodes on a terminal."""

import sys

from skyulf_core.catalogue.command import main

if __name__ == "__main__":
    sys.exit(main())
