"""`python -m skyulf_standalone`: the server commands."""

from skyulf_standalone.commands import main

main()
