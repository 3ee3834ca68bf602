"""What stands after `docker compose up --wait`: fast, healthy, small, and without rights."""

import json

import pytest
from harness.composed import BASE, MB, PROJECT, UP_SECONDS, Composed, run
from images.compose_file import ends, ours, service_of, services
from skyulf_service.ports import PORTS

MOST = {"inference": 250 * MB, **{service: 600 * MB for service in PORTS if service != "inference"}}
WAYS_IN = {"kafka", "s3"}  # for looking at them from tests, see testing.yml
REFUSED = ("/", "/opt/skyulf", "/run/skyulf", "/etc", "/home", "/var/lib")
STAY = sorted(name for name, each in ours().items() if not ends(each))


def test_everything_is_healthy_in_time(composed: Composed) -> None:
    print(f"ready after {composed.seconds_until_ready:.1f} s")

    assert composed.seconds_until_ready <= UP_SECONDS
    states = {each["Service"]: (each["State"], each["Health"], each["ExitCode"]) for each in composed.containers()}
    expected = {
        name: ("exited", "", 0) if ends(each) else ("running", "healthy", 0)
        for name, each in services().items()
        if "profiles" not in each
    }
    assert states == expected


@pytest.mark.parametrize("service", sorted(PORTS))
def test_an_image_is_small_and_carries_no_compiler(composed: Composed, service: str) -> None:
    image, base = composed.inspect(ours()[f"{service}-api"]["image"], BASE)
    over = image["Size"] - base["Size"]
    print(f"{service}: {over / MB:.0f} MB over its base image")

    assert over <= MOST[service]
    found = composed.inside(f"{service}-api", "sh", "-c", "command -v gcc cc c++ make || true")
    assert found == ""
    assert image["Config"]["User"] == "10001:10001"
    for label in ("version", "revision", "created", "source"):
        assert image["Config"]["Labels"][f"org.opencontainers.image.{label}"], "at least `unknown`"


@pytest.mark.parametrize("name", STAY)
def test_a_process_may_write_to_its_home_only_and_knows_its_own_secrets_only(composed: Composed, name: str) -> None:
    tried = f"for place in {' '.join(REFUSED)}; do touch $place/x 2>/dev/null && echo $place; done; true"
    written = composed.inside(name, "sh", "-c", tried).split()
    user, *keys = composed.inside(name, "sh", "-c", "id -u; touch x && rm x && ls /run/skyulf/keys").split()

    assert written == []
    assert user == "10001"
    assert [key for key in keys if not key.endswith(".pub")] == [f"{service_of(ours()[name])}.key"]
    assert {key.partition(".")[0] for key in keys} == set(PORTS), "a rotation leaves more than one of each"


def test_what_is_inside_cannot_reach_the_outside(composed: Composed) -> None:
    doors = {"gateway-api", *WAYS_IN}
    for each in composed.containers():
        (container,) = composed.inspect(each["Name"])
        networks = {name.rpartition("_")[2] for name in container["NetworkSettings"]["Networks"]}
        assert networks == ({"inside", "outside"} if each["Service"] in doors else {"inside"})
    (network,) = json.loads(run(["docker", "network", "inspect", f"{PROJECT}_inside"]))
    assert network["Internal"]
    code = "import socket; socket.create_connection(('192.0.2.1', 80), timeout=2)"
    said = composed.inside("pipeline-runner", "sh", "-c", f'python -c "{code}" 2>&1 || true')

    assert "Network is unreachable" in said or "TimeoutError" in said  # as the engine's version has it
