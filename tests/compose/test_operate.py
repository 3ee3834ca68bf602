"""Operations from the container that is made for them: nothing is installed, nothing is opened to the outside."""

import re

from harness import constants
from harness.composed import BASE, MB, Composed
from images.compose_file import ends, ours, services
from skyulf_service.ports import PORTS

MOST = 600 * MB
ROLES = [name for name, each in ours().items() if not ends(each)]


def test_the_image_is_small_and_has_what_backups_need(running: Composed) -> None:
    said = running.compose("run", "--rm", "--no-TTY", "--no-deps", "--entrypoint", "pg_dump", "operate", "--version")
    image, base = running.inspect(str(services()["operate"]["image"]), BASE)
    over = image["Size"] - base["Size"]
    print(f"operate: {over / MB:.0f} MB over its base image")

    assert over <= MOST
    assert said.startswith("pg_dump (PostgreSQL) ")


def test_the_doctor_finds_everything_well(running: Composed) -> None:
    said = running.operate("doctor")

    assert not re.search("^(FAIL|skip)", said, re.MULTILINE)
    assert "ok    round trip: two events" in said


def test_a_rotation_reaches_all_containers_under_predictions(running: Composed) -> None:
    with running.project() as api:
        constants.opposites(api, "rotated")
        api.deploy("rotated", "rotated", 1)
        with constants.always_answered(api, "rotated") as answers:
            for service in PORTS:
                running.operate("rotate-keys", service)
        known = {name: running.inside(name, "sh", "-c", "ls /run/skyulf/keys/*.pub").split() for name in ROLES}

        assert answers
        assert set(answers) == {1}
        assert len({tuple(each) for each in known.values()}) == 1
        assert len(known["gateway-api"]) >= 3 * len(PORTS), "the current key by its name and its id, and the one before"
        assert api.deploy("rotated", "rotated", 2)["status"] == "ready"


def test_what_a_backup_holds_comes_back_and_the_backup_leaves_the_container(running: Composed) -> None:
    with running.project() as api:
        constants.opposites(api, "kept")
        api.deploy("kept", "kept", 1)
        running.operate("backup", "kept.tgz")
        api.deploy("kept", "kept", 2)
        running.compose("stop", *ROLES, seconds=300)
        running.operate("restore", "kept.tgz", "--replace")
        running.up()
        api.until("/deployments/kept", lambda found: found["status"] == "ready" and found["replicas"] > 0)
        size = running.compose(
            "run", "--rm", "--no-TTY", "--no-deps", "--entrypoint", "wc", "operate", "-c", "kept.tgz"
        )

        assert constants.check(api.predict("kept", constants.ROWS)) == 1
        assert int(size.split()[0]) > 10_000
    assert "FAIL" not in running.operate("doctor")
