"""A client of the public API, as thin as it can be: what a person would do with curl."""

import time
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self
from uuid import uuid4

import httpx

PREFIX = "/api/v1"
READY_SECONDS = 60.0
ENDED = {"succeeded", "failed", "cancelled"}
Json = dict[str, Any]


class Api:
    """Calls ``/api/v1`` with one key. ``ok`` returns the body of a success; ``call`` returns any answer."""

    def __init__(self, url: str, key: str | None, *, project_id: str = "", **headers: str) -> None:
        self.url, self.key, self.project_id = url, key, project_id
        identity = {"Authorization": f"Bearer {key}"} if key else {}
        self.http = httpx.Client(base_url=url, headers={**identity, **headers}, timeout=60, trust_env=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.http.close()

    def with_headers(self, **headers: str) -> "Api":
        """The same key with further headers on every call (``_`` stands for ``-``)."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return Api(self.url, self.key, project_id=self.project_id, **named)

    def call(self, method: str, path: str, **options: Any) -> httpx.Response:
        """Make a call below ``/api/v1`` and return the answer, whatever it is."""
        return self.http.request(method, PREFIX + path, **options)

    def ok(self, method: str, path: str, **options: Any) -> Any:
        """Make a call that must succeed; returns its body (None where there is none)."""
        answer = self.call(method, path, **options)
        assert answer.is_success, f"{method} {path}: {answer.status_code} {answer.text[:2000]}"
        return answer.json() if answer.content else None

    def steady(self, path: str, *, seconds: float = 120, **options: Any) -> Json:
        """Ask until the servers answer; they may be killed meanwhile."""
        deadline = time.monotonic() + seconds
        while True:
            try:
                answer = self.call("GET", path, **options)
                if answer.status_code < 500:
                    assert answer.is_success, f"GET {path}: {answer.status_code} {answer.text[:2000]}"
                    return answer.json()
                failure = f"{answer.status_code} {answer.text[:500]}"
            except httpx.TransportError as error:
                failure = repr(error)
            assert time.monotonic() < deadline, f"GET {path} still fails after {seconds} s: {failure}"
            time.sleep(0.3)

    def patient(self, method: str, path: str, *, key: str | None = None, seconds: float = 120, **options: Any) -> Json:
        """Make the same call with one Idempotency-Key until it has an answer that is not a fault of the servers."""
        headers = {"Idempotency-Key": key or uuid4().hex, **options.pop("headers", {})}
        deadline = time.monotonic() + seconds
        while True:
            try:
                answer = self.call(method, path, headers=headers, **options)
                if answer.status_code < 500 and answer.status_code not in (409, 429):
                    assert answer.is_success, f"{method} {path}: {answer.status_code} {answer.text[:2000]}"
                    return answer.json()
                failure = f"{answer.status_code} {answer.text[:500]}"
            except httpx.TransportError as error:
                failure = repr(error)
            assert time.monotonic() < deadline, f"{method} {path} still fails after {seconds} s: {failure}"
            time.sleep(0.3)

    def upload(self, data: bytes, *, name: str = "data", media_type: str = "text/csv", **options: Any) -> Json:
        """Upload a file as the body; returns the dataset as it was accepted."""
        headers = {"Content-Type": media_type, **options.pop("headers", {})}
        return self.ok("POST", "/datasets", params={"name": name, **options}, content=data, headers=headers)

    def dataset(self, dataset_id: str, *, seconds: float = READY_SECONDS) -> Json:
        """Wait until a dataset is no longer processed, and return it."""
        return self.until(f"/datasets/{dataset_id}", lambda found: found["status"] != "processing", seconds=seconds)

    def ready_dataset(self, data: bytes, **options: Any) -> Json:
        """Upload a file and wait until it is a dataset that the pipeline service knows too."""
        found = self.dataset(self.upload(data, **options)["id"])
        assert found["status"] == "ready", found
        self.eventually(lambda: self.knows_dataset(found["id"]), what=f"pipelines know dataset {found['id']}")
        return found

    def knows_dataset(self, dataset_id: str) -> bool:
        """Whether the pipeline service has heard of a dataset."""
        body = {"config": {"steps": []}, "dataset_id": dataset_id}
        return self.call("POST", "/pipelines/validate", json=body).status_code == 200

    def job(self, job_id: str, *, seconds: float = 120) -> Json:
        """Wait until a job has ended, and return it."""
        return self.until(f"/jobs/{job_id}", lambda found: found["status"] in ENDED, seconds=seconds)

    def ended(self, job_id: str, *, seconds: float = 600) -> Json:
        """Wait until a job has ended while servers come and go, and return it."""

        def look() -> Json | None:
            found = self.steady(f"/jobs/{job_id}")
            return found if found["status"] in ENDED else None

        ended: Json = self.eventually(look, what=f"job {job_id} ends", seconds=seconds)
        return ended

    def train(self, config: Json, dataset_id: str, *, register_as: str) -> Json:
        """Create a pipeline, run it, and wait for the model version it makes."""
        pipeline = self.ok(
            "POST", "/pipelines", json={"name": register_as, "config": config, "register_as": register_as}
        )
        return self.run(pipeline["id"], dataset_id)

    def run(self, pipeline_id: str, dataset_id: str) -> Json:
        """Run a pipeline and wait for the model version it makes."""
        job = self.ok("POST", f"/pipelines/{pipeline_id}/runs", json={"dataset_id": dataset_id})
        ended = self.job(job["id"])
        assert ended["status"] == "succeeded", ended
        return self.version_of(ended)

    def version_of(self, job: Json, *, seconds: float = READY_SECONDS) -> Json:
        """Wait for the model version that a job makes."""
        return self.eventually(
            lambda: next((v for v in self.versions(job["register_as"]) if v["lineage"]["job_id"] == job["id"]), None),
            what=f"the version of job {job['id']}",
            seconds=seconds,
        )

    def versions(self, model: str) -> list[Json]:
        """All versions of a model, newest first; none where there is no such model."""
        found: list[Json] = []
        cursor = None
        while True:
            query = {"limit": 200, **({"cursor": cursor} if cursor else {})}
            answer = self.call("GET", f"/models/{model}/versions", params=query)
            if answer.status_code == 404:
                return found
            assert answer.is_success, answer.text
            page = answer.json()
            found += page["items"]
            cursor = page["next_cursor"]
            if cursor is None:
                return found

    def deploy(self, name: str, model: str, version: int, *, seconds: float = READY_SECONDS) -> Json:
        """Deploy a version (anew) and wait until it is ready or has failed."""
        wanted = self.ok("POST", "/deployments", json={"name": name, "model": model, "version": version})
        return self.deployment(name, revision=wanted["revision"], seconds=seconds)

    def deployment(self, name: str, *, revision: int, seconds: float = READY_SECONDS) -> Json:
        """Wait until a revision of a deployment is ready or has failed."""

        def settled(found: Json) -> bool:
            return found["revision"] >= revision and found["status"] in ("ready", "failed")

        return self.until(f"/deployments/{name}", settled, seconds=seconds)

    def predict(self, name: str, rows: list[Json]) -> Json:
        """Predict rows with a deployment."""
        return self.ok("POST", f"/deployments/{name}/predict", json={"rows": rows})

    def until(self, path: str, good: Callable[[Json], bool], *, seconds: float = READY_SECONDS) -> Json:
        """Ask for an object until it is as it should be."""
        last: list[Json] = []

        def look() -> Json | None:
            last[:] = [self.ok("GET", path)]
            return last[0] if good(last[0]) else None

        try:
            found: Json = self.eventually(look, what=path, seconds=seconds)
        except AssertionError as error:
            raise AssertionError(f"{error}; last seen: {last}") from None
        return found

    @staticmethod
    def eventually(look: Callable[[], Any], *, what: str, seconds: float = READY_SECONDS) -> Any:
        """Look until there is something true, and return it."""
        deadline, pause = time.monotonic() + seconds, 0.05
        while not (found := look()):
            assert time.monotonic() < deadline, f"{what}: not within {seconds:g} s"
            time.sleep(pause)
            pause = min(pause * 1.3, 0.5)
        return found
