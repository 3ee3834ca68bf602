"""What the Dockerfile promises, read from its text."""

import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from skyulf_service.ports import PORTS, ROLES, api_port, health_port

from images.compose_file import ROOT, services

TEXT = (ROOT / "Dockerfile").read_text()
RUNNERS = ("ingestion", "pipeline")
C_LIBRARY = re.compile(r"(ld-linux.*|lib(c|m|dl|rt|pthread|resolv))\.so")
every_service = pytest.mark.parametrize("service", sorted(PORTS))


def stage(name: str) -> str:
    """The text of one stage."""
    found = re.search(rf"^FROM \S+ AS {name}\n(.*?)(?=^FROM |\Z)", TEXT, re.MULTILINE | re.DOTALL)
    assert found is not None, name
    return found[1]


def test_base_images_can_be_chosen_and_nothing_names_where_packages_come_from() -> None:
    foreign = set(re.findall(r"^FROM (\S+)", TEXT, re.MULTILINE)) - set(re.findall(r" AS (\S+)", TEXT))

    assert foreign == {"${PYTHON_IMAGE}", "${POSTGRES_IMAGE}"}
    server = re.search(r"postgres:(\d+)", str(services()["postgres"]["image"]))
    assert server is not None
    assert f"ARG POSTGRES_IMAGE=postgres:{server[1]}-" in TEXT, "an older pg_dump refuses the server"
    assert TEXT.startswith("# syntax=docker/dockerfile:1\n")
    assert not re.search(r"https?://|--index|--extra-index|--trusted-host", TEXT)
    assert "gcc" not in TEXT


def test_everything_foreign_is_installed_by_hash_and_nothing_of_ours_is_fetched() -> None:
    commands = re.findall(r"\bpip (?:.* )?install .*", TEXT)
    assert commands
    for command in commands:
        assert "--require-hashes" in command or "--no-index --no-deps" in command, command
    assert "--no-deps --no-build-isolation" in TEXT


@every_service
def test_a_service_runs_as_a_user_without_rights_and_gets_signals_itself(service: str) -> None:
    text = stage(service)

    assert text.index("USER 10001:10001") > text.index("install-own")
    assert f'ENTRYPOINT ["python", "-m", "skyulf_{service}.main"]\n' in text
    assert 'CMD ["api"]\n' in text
    assert f'CMD ["python", "-m", "skyulf_service.probe", "{service}"]\n' in text
    for label in ("title", "licenses", "version", "revision", "created", "source"):
        assert f"org.opencontainers.image.{label}=" in text


@every_service
def test_a_service_exposes_the_ports_of_its_roles(service: str) -> None:
    roles = [role for role in ROLES if role == "worker" or service in RUNNERS]
    ports = [api_port(service), *(health_port(service, role) for role in roles)]

    assert f"EXPOSE {' '.join(map(str, ports))}\n" in stage(service)


@every_service
def test_a_service_gets_the_packages_that_it_is_made_of_and_its_own_list(service: str) -> None:
    declared = (ROOT / "services" / service / "pyproject.toml").read_text()
    own = {"skyulf-events", "skyulf-service", f"skyulf-{service}"} | (
        {"skyulf-core"} if "skyulf-core" in declared else set()
    )
    installed = re.search(r"install-own (.*)", stage(service))

    assert installed is not None
    assert set(installed[1].split()) == own
    assert f"requirements/images/{service}.txt" in stage(f"{service}-packages")


def test_the_command_runs_without_rights_with_all_of_ours_and_the_programs_that_backups_need() -> None:
    text = stage("operate")
    installed = re.search(r"install-own ((?:.*\\\n)?.*)", text)
    declared = tomllib.loads((ROOT / "services/standalone/pyproject.toml").read_text())["project"]["dependencies"]

    assert installed is not None
    own = set(installed[1].replace("\\\n", " ").split())
    assert own == {each for each in declared if each.startswith("skyulf-")} | {
        "skyulf-core", "skyulf-events", "skyulf-standalone",
    }  # fmt: skip
    assert text.index("USER 10001:10001") > text.index("install-own")
    assert 'ENTRYPOINT ["skyulf"]\n' in text
    assert "pg_dump --version && pg_restore --version" in text
    assert "requirements/images/operate.txt" in stage("operate-packages")


@pytest.mark.parametrize("shell", [each for each in ("dash", "bash") if shutil.which(each)])
def test_programs_are_gathered_with_their_libraries(shell: str, tmp_path: Path) -> None:
    script, wrapper = (heredoc(name) for name in ("gather-programs", "pg_dump"))
    there = tmp_path / "postgres" / "bin"
    there.mkdir(parents=True)
    (there / "pg_dump").symlink_to(sys.executable)  # any program that is linked to libraries
    (tmp_path / "gather").write_text(script.replace("/usr/lib/postgresql/$PG_MAJOR", str(tmp_path / "postgres")))
    (tmp_path / "pg_dump").write_text(wrapper.replace("/opt/postgres", str(tmp_path / "made")))
    (tmp_path / "pg_dump").chmod(0o755)

    subprocess.run([shell, tmp_path / "gather", tmp_path / "made", "pg_dump"], check=True, timeout=30)
    said = subprocess.run([tmp_path / "pg_dump", "--version"], capture_output=True, text=True, check=True, timeout=30)

    assert said.stdout.startswith("Python 3")
    assert not (tmp_path / "made/bin/pg_dump").is_symlink()
    linked = subprocess.run(["ldd", sys.executable], capture_output=True, text=True, check=True, timeout=30).stdout
    needed = {name for name in re.findall(r"=> \S*/(\S+) ", linked) if not C_LIBRARY.match(name)}
    assert {each.name for each in (tmp_path / "made/lib").iterdir()} == needed


@pytest.mark.parametrize("name", [*sorted(PORTS), "operate"])
def test_labels_say_unknown_where_nobody_says_what_was_built(name: str) -> None:
    assert "ARG VERSION=0.1.0 REVISION=unknown CREATED=unknown SOURCE=unknown\n" in stage(name)
    building = [each["build"]["args"] for each in services().values() if each.get("build", {}).get("target") == name]
    assert len(building) == 1
    for word in ("REVISION", "CREATED", "SOURCE"):
        assert building[0][word] == f"${{IMAGE_{word}:-unknown}}"
        assert f'"${{{word}}}"' in stage(name)


def test_make_images_says_what_was_built(tmp_path: Path) -> None:
    shutil.copy(ROOT / "Makefile", tmp_path)
    (tmp_path / "docker").write_text("#!/bin/sh\necho ran: $@\nenv | grep ^IMAGE_\n")
    (tmp_path / "docker").chmod(0o755)
    author = ("-c", "user.name=a", "-c", "user.email=a@example.org")
    remote = ("remote", "add", "origin", "https://somebody:secret@example.org/skyulf.git")
    for words in (("init", "-q"), remote, ("add", "-A"), (*author, "commit", "-qm", "x")):
        subprocess.run(["git", *words], cwd=tmp_path, check=True, timeout=60)
    head = subprocess.run(["git", "rev-parse", "HEAD"], cwd=tmp_path, capture_output=True, text=True, check=True)
    environment = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"}
    make = ["make", "--no-print-directory", "images"]

    made = subprocess.run(make, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True, timeout=60)
    (tmp_path / "Makefile").open("a").write("# changed\n")
    again = subprocess.run(make, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True, timeout=60)

    assert "ran: compose --profile operate build\n" in made.stdout
    assert f"IMAGE_REVISION={head.stdout}" in made.stdout
    assert f"IMAGE_REVISION={head.stdout.strip()}-dirty\n" in again.stdout
    assert "IMAGE_SOURCE=https://example.org/skyulf.git\n" in made.stdout
    assert re.search(r"^IMAGE_CREATED=\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$", made.stdout, re.MULTILINE)


def heredoc(name: str) -> str:
    """A script that the Dockerfile writes."""
    found = re.search(rf"<<'SH' /usr/local/bin/{name}\n(.*?)\nSH\n", TEXT, re.DOTALL)
    assert found is not None, name
    return f"{found[1]}\n"


def test_only_sources_get_into_the_build() -> None:
    folders = [each for each in ROOT.iterdir() if each.is_dir() and not each.name.startswith(".")]
    there = [path.relative_to(ROOT).as_posix() for each in (ROOT, *folders) for path in inside(each, deep=each != ROOT)]
    files = [path for path in there if in_context(path)]

    assert {path.partition("/")[0] for path in files} == {"libs", "services", "requirements", "deploy"}
    assert all(path.startswith("deploy/compose/") for path in files if path.startswith("deploy/"))
    assert all(path.startswith("requirements/images/") for path in files if path.startswith("requirements/"))
    assert {f"{folder}/pyproject.toml" for folder in ("services/standalone", "libs/skyulf-client")} <= {*files}
    # nothing that no image runs: pages, tests, and what only tests use
    assert not [path for path in files if path.endswith(".md") or "/tests/" in path or "skyulf_service/testing" in path]


def inside(folder: Path, *, deep: bool) -> Iterator[Path]:
    """The files of a folder."""
    return (path for path in (folder.rglob("*") if deep else folder.iterdir()) if path.is_file())


def in_context(path: str) -> bool:
    """Whether `.dockerignore` lets a file in: the last line that is about it or a folder of it decides."""
    found = True
    for line in (ROOT / ".dockerignore").read_text().splitlines():
        if line and not line.startswith("#"):
            pattern = re.escape(line.removeprefix("!")).replace(r"\*\*/", "(?:.*/)?").replace(r"\*", "[^/]*")
            if re.fullmatch(rf"{pattern}(?:/.*)?", path):
                found = line.startswith("!")
    return found


@pytest.mark.parametrize("package", sorted((ROOT / "libs").glob("*/src")) + sorted((ROOT / "services").glob("*/src")))
def test_nothing_in_an_image_imports_what_only_tests_use(package: Path) -> None:
    importing = [
        path
        for path in package.rglob("*.py")
        if in_context(str(path.relative_to(ROOT))) and "skyulf_service.testing" in path.read_text()
    ]

    assert importing == []
