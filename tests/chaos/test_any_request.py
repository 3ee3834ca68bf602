"""Requests that a machine thinks up from the API's own description: none crashes it, all are answered as documented."""

import re
import subprocess
import sys
from itertools import chain
from pathlib import Path

import pytest
from harness import cursors
from harness.api import PREFIX, Api, Json
from harness.drawn import configuration
from harness.form import Skyulf
from harness.owned import one_of_everything
from harness.promises import Figures

PROGRAM = Path(sys.executable).with_name("schemathesis")
CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"
ENDLESS = "/api/v1/events$"  # a stream ends when its reader leaves
COUNTED = re.compile(r"(\d+) generated, (\d+) passed")
LONG_LINE = re.compile(r"(?m)^(.{400}).+$")
LINKED = re.compile(r"API Links: +(\d+) covered")
ROLES = ("owner", "admin", "editor", "operator", "viewer", None)
WITHOUT_LINKS = (None, "viewer")  # what they may not make leads nowhere
AT_WORK = ("queued", "running")
SHORT = 20
LONG = {"embedded": 120, "distributed": 60}

cases = [
    pytest.param("embedded", "editor", SHORT),
    *(
        pytest.param(form, role, seconds, marks=[pytest.mark.slow, pytest.mark.timeout(seconds * 4 + 120)])
        for form, seconds in LONG.items()
        for role in ROLES
    ),
]


@pytest.mark.promise("R23")
@pytest.mark.parametrize(("skyulf", "role", "seconds"), cases, indirect=["skyulf"])
def test_no_request_crashes_the_api(
    skyulf: Skyulf, tmp_path: Path, role: str | None, seconds: int, figures: Figures
) -> None:
    with skyulf.project() as owner:
        config = tmp_path / "schemathesis.toml"
        config.write_text(configuration(skyulf, owner))
        key = None if role is None else key_of(owner, role)
        alone = counted(asked(skyulf.url, config, key, phases="examples,coverage,fuzzing", seconds=seconds))
        told = asked(skyulf.url, config, key, phases="stateful", seconds=seconds // 2)
        linked = LINKED.search(told)
        cancel_jobs(owner)

    assert alone > 100
    assert linked is not None, told[-2_000:]
    assert role in WITHOUT_LINKS or int(linked[1]) > 0, told[-2_000:]
    figures(
        f"{skyulf.form}, {role or 'nobody'}: {alone} requests, {counted(told)} in stories over {linked[1]} links, "
        "0 answers of 5xx"
    )


FORMS = ["embedded", pytest.param("distributed", marks=pytest.mark.slow)]


@pytest.mark.promise("R23")
@pytest.mark.parametrize("skyulf", FORMS, indirect=True)
def test_no_forged_cursor_crashes_a_list(skyulf: Skyulf, figures: Figures) -> None:
    with skyulf.admin() as admin, skyulf.project() as owner:
        owned = one_of_everything(skyulf, owner).ids
        document = admin.http.get("/openapi.json").json()["paths"]
        assert {path for path, each in document.items() if is_list(each)} == {PREFIX + path for path in cursors.SHAPES}
        tried = 0
        for path in cursors.SHAPES:
            api = admin if path == cursors.MERGED else owner
            tried += try_forged_cursors(api, path, path.format(**owned, name="mine"))

    figures(f"{skyulf.form}: {tried} forged cursors of {len(cursors.SHAPES)} lists, 0 answers of 5xx")


def is_list(item: Json) -> bool:
    """Whether what a path offers is read in pages."""
    return any(each["name"] == "cursor" for each in item.get("get", {}).get("parameters", []))


def try_forged_cursors(api: Api, path: str, address: str) -> int:
    """Ask a list for the page behind each; returns how many. A usual one shows that they are made as the list's own."""
    usual = api.ok("GET", address, params={"cursor": cursors.usual(path)})
    assert usual.get("unavailable", []) == []
    answers = [api.call("GET", address, params={"cursor": cursor}) for cursor in cursors.forged(path)]
    for answer in answers:
        assert answer.status_code in (200, 422), f"{answer.url}: {answer.status_code} {answer.text[:500]}"
        assert answer.json().get("unavailable", []) == [], f"{answer.url}: who refuses is not away"
    return len(answers)


def asked(url: str, config: Path, key: str | None, *, phases: str, seconds: int) -> str:
    """Let it think for so long; returns what it tells. Raises AssertionError where an answer was not as documented."""
    identity = [] if key is None else ["--header", f"Authorization: Bearer {key}"]
    options = [
        "--checks", CHECKS, "--phases", phases, "--max-time", str(seconds), "--exclude-path-regex", ENDLESS,
        "--seed", "1", "--max-examples", "20", "--request-timeout", "30", "--generation-database", "none",
        "--continue-on-failure", "--no-color",
    ]  # fmt: skip
    done = subprocess.run(
        [PROGRAM, "--config-file", str(config), "run", f"{url}/openapi.json", *identity, *options],
        cwd=config.parent,
        capture_output=True,
        text=True,
        timeout=seconds * 2 + 60,
        check=False,
    )
    # a failing request may be as long as a request can be
    assert done.returncode == 0, LONG_LINE.sub(r"\1 ...", done.stdout)[-20_000:] + done.stderr[-2_000:]
    return done.stdout


def cancel_jobs(api: Api) -> None:
    """Cancel what was queued without end: others that use the installation would wait for it."""

    def none_left() -> bool:
        listed = [api.ok("GET", "/jobs", params={"status": each, "limit": 200})["items"] for each in AT_WORK]
        for job in chain.from_iterable(listed):
            api.call("POST", f"/jobs/{job['id']}/cancel", json={"keep_best": False})
        return not any(listed)

    api.eventually(none_left, what="all jobs are cancelled", seconds=120)


def counted(told: str) -> int:
    """How many requests were made; each of them passed."""
    found = COUNTED.search(told)
    assert found is not None, told[-2_000:]
    assert found[1] == found[2], told[-2_000:]
    return int(found[1])


def key_of(owner: Api, role: str) -> str:
    """Make a key with the role's permissions."""
    made: str = owner.ok("POST", "/api-keys", json={"name": role, "scopes": [role]})["key"]
    return made
