import contextlib
import json
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from harness.promises import Figures
from skyulf_service.testing.ports import free_port, wait_until

LIBRARIES = 10_000  # objects at least
PROGRAMS = Path(__file__).parent / "process_programs.py"


class Program:
    """One of the programs, running; its health and its notes."""

    def __init__(self, name: str, folder: Path) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.folder = folder
        self.log = (folder / "log").open("w")
        arguments = [sys.executable, str(PROGRAMS), name, str(self.port), str(folder)]
        self.process = subprocess.Popen(arguments, stderr=self.log)

    def wait_until(self, path: str, status: int) -> httpx.Response:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            try:
                answer = httpx.get(self.url + path, timeout=2)
                if answer.status_code == status:
                    return answer
            except httpx.TransportError:
                pass
            time.sleep(0.02)
        raise AssertionError(f"{path} did not answer {status}: {(self.folder / 'log').read_text()}")

    def wait_for_note(self, text: str) -> None:
        wait_until(lambda: text in self.notes, what=text, timeout=30, alive=lambda: self.process.poll() is None)

    def end(self, number: int = signal.SIGTERM, timeout: float = 10) -> int:
        self.process.send_signal(number)
        return self.process.wait(timeout)

    @property
    def notes(self) -> list[str]:
        path = self.folder / "notes"
        return path.read_text().splitlines() if path.exists() else []


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[[str], Program]]:
    running: list[Program] = []

    def start(name: str) -> Program:
        running.append(Program(name, tmp_path))
        return running[-1]

    yield start
    for program in running:
        if program.process.poll() is None:
            program.process.kill()
        program.process.wait()
        program.log.close()


def _in_background(call: Callable[[], httpx.Response]) -> Callable[[], httpx.Response]:
    answers: list[httpx.Response | Exception] = []

    def run() -> None:
        try:
            answers.append(call())
        except Exception as error:
            answers.append(error)

    thread = threading.Thread(target=run)
    thread.start()

    def result() -> httpx.Response:
        thread.join(15)
        if isinstance(answers[0], Exception):
            raise answers[0]
        return answers[0]

    return result


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_an_api_finishes_what_is_in_flight_and_ends_with_zero(start, number: int) -> None:
    api = start("api")
    api.wait_until("/readyz", 200)
    slow = _in_background(lambda: httpx.get(api.url + "/api/v1/sleep/1.5", timeout=10))
    api.wait_for_note("asleep")

    code = api.end(number)

    assert slow().json() == "slept"
    assert code == 0


def test_a_draining_api_is_not_ready_first_and_still_answers(start) -> None:
    api = start("api")
    api.wait_until("/readyz", 200)

    api.process.send_signal(signal.SIGTERM)

    answer = api.wait_until("/readyz", 503)
    assert answer.json()["status"] == "draining"
    still = httpx.get(api.url + "/api/v1/sleep/0")
    assert (still.status_code, still.headers["connection"]) == (200, "close")
    assert api.process.wait(10) == 0


@pytest.mark.parametrize("said", [b"GET /" + b"%85" * 30_000 + b" HTTP/1.1\r\n\r\n", b"no request at all\r\n\r\n"])
def test_what_is_no_request_gets_a_problem_too(start, said: bytes) -> None:
    api = start("api")
    api.wait_until("/readyz", 200)

    with socket.create_connection(("127.0.0.1", api.port), timeout=10) as connection:
        connection.sendall(said)
        head, _, body = b"".join(iter(lambda: connection.recv(65536), b"")).partition(b"\r\n\r\n")

    assert head.startswith(b"HTTP/1.1 400 ")
    assert b"content-type: application/problem+json" in head
    assert json.loads(body)["type"] == "/problems/unreadable-request"
    assert httpx.get(api.url + "/readyz").status_code == 200


@pytest.mark.promise("R11")
def test_no_request_fails_while_an_api_is_replaced(start, figures: Figures) -> None:
    """A client with kept connections, as the gateway is: it moves on when it is told to, and never sees an error."""
    old = start("api")
    old.wait_until("/readyz", 200)
    statuses: list[int] = []

    with httpx.Client() as client:
        assert client.get(old.url + "/api/v1/sleep/0").status_code == 200
        old.process.send_signal(signal.SIGTERM)
        while True:
            ready = client.get(old.url + "/readyz")
            statuses.append(client.get(old.url + "/api/v1/sleep/0.01").status_code)
            if ready.status_code == 503:
                break

    assert set(statuses) == {200}
    assert old.process.wait(10) == 0
    figures(f"{len(statuses)} requests over a kept connection while an api drains: 0 failed")


def test_what_takes_longer_than_the_grace_is_cut_off(start) -> None:
    api = start("short")
    api.wait_until("/readyz", 200)
    slow = _in_background(lambda: httpx.get(api.url + "/api/v1/sleep/60", timeout=30))
    api.wait_for_note("asleep")
    began = time.monotonic()

    code = api.end()

    assert code == 0
    assert time.monotonic() - began < 5
    with contextlib.suppress(httpx.TransportError):  # a cut and a 500 are honest; a 200 would not be
        assert slow().status_code == 500


def test_a_port_that_is_taken_ends_the_start(start, tmp_path: Path) -> None:
    api = start("api")
    api.wait_until("/readyz", 200)
    arguments = [sys.executable, str(PROGRAMS), "api", str(api.port), str(tmp_path)]

    second = subprocess.run(arguments, capture_output=True, text=True, timeout=20)

    assert second.returncode != 0
    assert "api.not_started" in second.stderr


def test_an_upload_that_breaks_off_disturbs_nobody(start) -> None:
    api = start("api")
    api.wait_until("/readyz", 200)

    with socket.create_connection(("127.0.0.1", api.port)) as client:
        client.sendall(b"POST /api/v1/upload HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\nonly this")
        time.sleep(0.2)
    deadline = time.monotonic() + 5
    while "ClientDisconnect" not in api.notes and time.monotonic() < deadline:
        time.sleep(0.05)

    assert api.notes == ["ClientDisconnect"]
    assert httpx.post(api.url + "/api/v1/upload", content=b"whole").json() == 5
    assert api.end() == 0
    assert "Traceback" not in (api.folder / "log").read_text()


def test_a_body_longer_than_declared_is_refused(start) -> None:
    api = start("api")
    api.wait_until("/readyz", 200)

    with socket.create_connection(("127.0.0.1", api.port)) as client:
        client.sendall(b"POST /api/v1/upload HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\n1234GARBAGE\r\n\r\n")
        client.settimeout(5)
        answers = b""
        while chunk := client.recv(65536):
            answers += chunk

    assert b"HTTP/1.1 400" in answers
    assert httpx.get(api.url + "/livez").status_code == 200


def test_a_worker_ends_its_tasks_in_order_and_with_zero(start) -> None:
    worker = start("worker")
    assert worker.wait_until("/readyz", 200).json() == {"status": "ready", "failing": {}}
    assert "skyulf_" in worker.wait_until("/metrics", 200).text

    code = worker.end()

    assert code == 0
    assert worker.notes == ["consumers begins", "relay begins", "consumers ends", "relay ends"]


@pytest.mark.parametrize("name", ["breaks", "returns"])
def test_a_task_that_ends_by_a_bug_ends_the_process_with_one(start, name: str) -> None:
    assert start(name).process.wait(15) == 1


def test_the_others_end_well_when_a_task_breaks(start) -> None:
    program = start("breaks")

    assert program.process.wait(15) == 1
    assert program.notes == ["steady begins", "steady ends"]
    assert "a bug" in (program.folder / "log").read_text()


def test_a_task_comes_back_after_an_outage(start) -> None:
    program = start("outage")
    program.wait_until("/readyz", 503)
    program.wait_until("/readyz", 200)

    code = program.end()

    assert program.notes == ["away", "away", "flaky begins", "flaky ends"]
    assert code == 0


def test_a_task_that_will_not_end_does_not_keep_the_process(start) -> None:
    program = start("stuck")
    program.wait_until("/readyz", 200)

    assert program.end(timeout=5) == 1
    assert program.notes == ["refused"]


def test_a_thread_in_a_call_that_does_not_return_does_not_keep_the_process(start) -> None:
    program = start("held")
    program.wait_for_note("calls")

    assert program.end() == 0


def test_nor_does_it_keep_an_api(start) -> None:
    api = start("api")
    api.wait_until("/api/v1/hold", 200)

    assert api.end() == 0


def test_what_lives_as_long_as_the_process_is_out_of_looks_for_garbage(start) -> None:
    program = start("api")
    program.wait_until("/readyz", 200)
    assert program.wait_until("/api/v1/kept", 200).json() > LIBRARIES
    assert program.end() == 0


def test_so_it_is_with_what_a_worker_keeps(start) -> None:
    program = start("keeps")
    program.wait_until("/readyz", 200)
    assert program.end() == 0
    assert int(program.notes[0]) > LIBRARIES
