"""A replica starts in a second and stays small, because it loads nothing that other roles need."""

import subprocess
import sys

FOREIGN = ["alembic", "aiokafka", "faststream", "fastapi_cli", "minio", "pandas", "polars", "requests", "sklearn"]
PROGRAM = f"""
import sys
import skyulf_inference.main
print(*[name for name in {FOREIGN!r} if name in sys.modules])
"""


def test_an_api_loads_nothing_that_it_does_not_need() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)

    assert done.stdout.split() == []
