"""Uploads, jobs and deployments: each is asked for, and its end is awaited by the events that tell of it."""

import asyncio
from collections.abc import Awaitable, Iterable

from harness import configs, constants
from harness.api import Api

from performance.load.client import Client, Json, RequestFailedError
from performance.load.plan import Plan
from performance.load.readers import News

OPPOSITES = "opposites"
# so many people press "run" at once
SUBMITTING = 16
TRICKLE_SECONDS = 15.0
LOOKS = ("/datasets", "/jobs", "/models", "/deployments", "/pipelines")
ENDED_MEANWHILE = ("work-finished", "dataset-settled")
CSV = {"Content-Type": "text/csv"}


class Labour:
    """What people ask the system to do. Failures are counted, never raised."""

    def __init__(self, client: Client, news: News, plan: Plan) -> None:
        self._client, self._news, self._plan = client, news, plan
        self._uploaded = 0
        self._open: set[str] = set()
        self.dataset_id = ""

    def prepare(self, api: Api) -> None:
        """Make what everything else stands on: a dataset to learn from, and two versions that never agree."""
        constants.opposites(api, OPPOSITES)
        self.dataset_id = api.ready_dataset(configs.tiny_data(), name="base")["id"]

    async def run(self) -> None:
        """Ask for everything at once, and wait for its end."""
        await asyncio.gather(self._uploads(), self._jobs(), self._deployments())

    async def trickle(self, over: asyncio.Event) -> None:
        """Go on a little until it is over: a file now and then, and somebody who looks at the lists."""
        async with asyncio.TaskGroup() as tasks:
            while not await happens(over, TRICKLE_SECONDS):
                tasks.create_task(counted([self._upload(), self._look()]))

    async def give_up(self) -> int:
        """Cancel what has not ended; returns how much that is."""
        left = len(self._open)
        paths = [f"{path}/cancel" for path in sorted(self._open)]
        await counted(self._client.ask("cancels", "POST", path, fine=ENDED_MEANWHILE) for path in paths)
        return left

    async def _ended(self, kind: str, path: str) -> Json:
        """Wait for the event that tells of the end; until then it can be given up."""
        self._open.add(path)
        ended = await self._news.of(kind, path.rpartition("/")[2])
        self._open.discard(path)
        return ended

    async def _look(self) -> None:
        for path in LOOKS:
            await self._client.ask("lists", "GET", path, params={"limit": "50"})

    async def _uploads(self) -> None:
        await counted(self._upload() for _ in range(self._plan.uploads))

    async def _upload(self) -> None:
        number = self._uploaded = self._uploaded + 1
        data = configs.tiny_data(60 + number % 97)
        params = {"name": f"upload-{number}"}
        made = await self._client.ask("uploads", "POST", "/datasets", params=params, data=data, headers=CSV)
        ended = await self._ended("dataset.judged", f"/datasets/{made['id']}")
        if ended["status"] != "ready":
            self._client.tally.fail("uploads", f"dataset {ended['status']}", str(ended))

    async def _jobs(self) -> None:
        pipelines = [await self._pipeline(number) for number in range(self._plan.deployments)]
        room = asyncio.Semaphore(SUBMITTING)
        await counted(self._job(pipelines[number % len(pipelines)], room) for number in range(self._plan.jobs))

    async def _pipeline(self, number: int) -> Json:
        body = {"name": model_of(number), "config": configs.tiny(number), "register_as": model_of(number)}
        return await self._client.ask("pipelines", "POST", "/pipelines", json=body)

    async def _job(self, pipeline: Json, room: asyncio.Semaphore) -> None:
        async with room:
            body = {"dataset_id": self.dataset_id}
            job = await self._client.ask("jobs", "POST", f"/pipelines/{pipeline['id']}/runs", json=body)
        ended = await self._ended("job.completed", f"/jobs/{job['id']}")
        if ended["status"] != "succeeded":
            self._client.tally.fail("jobs", f"job {ended['status']}", str(ended.get("error")))

    async def _deployments(self) -> None:
        await counted(self._deployment(number) for number in range(self._plan.deployments))

    async def _deployment(self, number: int) -> None:
        await self._news.of("model.registered", model_of(number), 1)
        await deployed(self._client, self._news, "deployments", f"d-{number:02}", model_of(number), 1)


def model_of(number: int) -> str:
    """The name of the model that a pipeline makes."""
    return f"load-{number:02}"


async def deployed(client: Client, news: News, what: str, name: str, model: str, version: int) -> bool:
    """Deploy a version and wait until it is ready; says whether it is. What it took is counted from the request on."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    body = {"name": name, "model": model, "version": version}
    wanted = await client.ask(what, "POST", "/deployments", json=body)
    judged = await news.of("deployment.judged", name, wanted["revision"])
    if judged["status"] != "ready":
        client.tally.fail(what, f"deployment {judged['status']}", str(judged.get("error")))
        return False
    client.tally.took[f"{what} until ready"].append(loop.time() - began)
    return True


async def counted(works: Iterable[Awaitable[object]]) -> None:
    """Do all at once; a request that failed ends its own work only, and is counted already."""
    for outcome in await asyncio.gather(*works, return_exceptions=True):
        if isinstance(outcome, BaseException) and not isinstance(outcome, RequestFailedError):
            raise outcome


async def happens(event: asyncio.Event, seconds: float) -> bool:
    """Wait for an event for so long; says whether it has happened."""
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return False
    return True
