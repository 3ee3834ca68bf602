"""Requests that a machine thinks up from the API's own description: none crashes it, all are answered as documented."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from harness.api import Api
from harness.drawn import configuration
from harness.embedded import Embedded
from harness.promises import Figures

PROGRAM = Path(sys.executable).with_name("schemathesis")
CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"
PHASES = "examples,coverage,fuzzing,stateful"
ENDLESS = "/api/v1/events$"  # a stream ends when its reader leaves
COUNTED = re.compile(r"(\d+) generated, (\d+) passed")
LINKED = re.compile(r"API Links: +(\d+) covered")
ROLES = ("owner", "admin", "editor", "operator", "viewer", None)
SHORT, LONG = 20, 120

cases = [
    pytest.param("editor", SHORT),
    *(pytest.param(role, LONG, marks=[pytest.mark.slow, pytest.mark.timeout(LONG * 4)]) for role in ROLES),
]


@pytest.mark.promise("R23")
@pytest.mark.parametrize(("role", "seconds"), cases)
def test_no_request_crashes_the_api(
    embedded: Embedded, tmp_path: Path, role: str | None, seconds: int, figures: Figures
) -> None:
    with embedded.project() as owner:
        config = tmp_path / "schemathesis.toml"
        config.write_text(configuration(embedded, owner))
        identity = [] if role is None else ["--header", f"Authorization: Bearer {key_of(owner, role)}"]
        options = [
            "--checks", CHECKS, "--phases", PHASES, "--max-time", str(seconds), "--exclude-path-regex", ENDLESS,
            "--seed", "1", "--max-examples", "20", "--request-timeout", "30", "--generation-database", "none",
            "--continue-on-failure", "--no-color",
        ]  # fmt: skip
        done = subprocess.run(
            [PROGRAM, "--config-file", str(config), "run", f"{embedded.url}/openapi.json", *identity, *options],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=seconds * 2 + 60,
            check=False,
        )

    counted = COUNTED.search(done.stdout)
    assert done.returncode == 0, done.stdout[-20_000:] + done.stderr[-2_000:]
    assert counted is not None, done.stdout[-2_000:]
    assert counted[1] == counted[2], done.stdout[-2_000:]
    assert int(counted[1]) > 100
    linked = LINKED.search(done.stdout)
    assert linked is not None, done.stdout[-2_000:]
    assert seconds == SHORT or role is None or int(linked[1]) > 0, done.stdout[-2_000:]
    figures(f"{role or 'nobody'}: {counted[1]} requests, {linked[1]} links followed, 0 answers of 5xx")


def key_of(owner: Api, role: str) -> str:
    """Make a key with the role's permissions."""
    made: str = owner.ok("POST", "/api-keys", json={"name": role, "scopes": [role]})["key"]
    return made
