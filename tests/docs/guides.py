"""Pages that run: their Python pieces in order, and below each what it prints."""

import re
import subprocess
import sys
from pathlib import Path

PIECE = re.compile(r"```python\n(.*?)```\n```text\n(.*?)```", re.DOTALL)
_MARK = "=== end of a piece ==="


def pieces(page: str) -> list[tuple[str, str]]:
    """Return (code, what the page says that it prints) of every piece."""
    return [(found[1], found[2]) for found in PIECE.finditer(page)]


def outputs(page: str, folder: Path) -> list[str]:
    """Run the pieces as one script in a process of its own; return what each printed. Raises CalledProcessError."""
    script = folder / "page.py"
    script.write_text("".join(f"{code}print({_MARK!r})\n" for code, _ in pieces(page)))
    command = [sys.executable, str(script)]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=120)
    if done.returncode:
        raise AssertionError(done.stderr)
    return done.stdout.split(f"{_MARK}\n")[:-1]


def rewritten(page: str, folder: Path) -> str:
    """Return the page with what its pieces print now."""
    found = iter(outputs(page, folder))
    return PIECE.sub(lambda piece: f"```python\n{piece[1]}```\n```text\n{next(found)}```", page)
