"""Jobs that want more memory than a job may have, beside others that want little."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from harness import configs, constants
from harness.distributed import Distributed
from harness.journal import Journal, Work, predicting
from harness.promises import Figures

MIB = 512
ROUNDS = 3
COLUMNS = 60
# of 60 columns there are 1,830 products: a row of 480 bytes becomes one of 15,000
GREEDY: configs.Config = {
    "steps": [
        {"node": "TrainTestSplit", "config": {"target": "label", "random_state": 1}},
        {"node": "PolynomialFeatures"},
    ],
    "model": {"node": "logistic_regression"},
}

pytestmark = pytest.mark.timeout(300)


@pytest.mark.promise("R10")
@pytest.mark.parametrize("rounds", [1, pytest.param(ROUNDS, marks=pytest.mark.slow)])
def test_only_jobs_that_take_too_much_memory_fail(distributed: Distributed, rounds: int, figures: Figures) -> None:
    with distributed.project() as owner, Journal.of(owner) as api, bounded(distributed):
        constants.opposites(api, "steady")
        assert api.deploy("steady", "steady", 1)["status"] == "ready"
        greedy, modest = (
            api.ok("POST", "/pipelines", json={"name": name, "config": config, "register_as": name})["id"]
            for name, config in (("greedy", GREEDY), ("modest", configs.tiny()))
        )
        large, small = (api.ready_dataset(data)["id"] for data in (wide_data(), configs.tiny_data()))
        pids, refused, work = distributed.pids(), Work(), Work()
        with predicting(api, "steady") as predictor:
            for _ in range(rounds):
                refused.run(api, greedy, large)
                work.run(api, modest, small)
            work.settled(api)
            ended = [api.job(job) for job in refused.jobs]
        work.assert_once(api, "modest", distributed)

        told = {(job["status"], job["attempt"], job["error"]["code"]) for job in ended}
        assert told == {("failed", 1, "out_of_memory")}, ended
        assert {api.job(job)["attempt"] for job in work.jobs} == {1}
        assert api.versions("greedy") == []
        assert (api.crashed, set(predictor.told)) == ([], {200})
        assert distributed.pids() == pids, "no process has ended"
    figures(
        f"{len(ended)} jobs over {MIB} MiB beside {len(work.jobs)} others, two at a time: out_of_memory, the others "
        f"succeeded; {predictor.told[200]} predictions right; 0 restarts"
    )


@contextmanager
def bounded(distributed: Distributed) -> Iterator[None]:
    """Let the runner work on two jobs at a time, and give each little memory."""
    environment = distributed.roles["pipeline-runner"].process.env
    settings = {
        "SKYULF_PIPELINE_JOB_MEMORY_BYTES": str(MIB << 20),
        "SKYULF_PIPELINE_JOB_CONCURRENCY": "2",
    }
    try:
        with distributed.without("pipeline-runner"):
            environment.update(settings)
        yield
    finally:
        with distributed.without("pipeline-runner"):
            for name in settings:
                environment.pop(name)


def wide_data(rows: int = 40_000) -> bytes:
    """A table whose products take 600 MB."""
    names = [f"c{column}" for column in range(COLUMNS)]
    lines = [
        ",".join(str((row * (column + 3)) % 97) for column in range(COLUMNS)) + (",yes" if row % 3 else ",no")
        for row in range(rows)
    ]
    return "\n".join([",".join([*names, "label"]), *lines, ""]).encode()
