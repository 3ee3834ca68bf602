"""How much is asked for, and for how long."""

from dataclasses import dataclass

FULL_MINUTES = 30.0
UPLOADS, JOBS, DEPLOYMENTS, READERS = 200, 500, 50, 8
# what is filled once (caches, pools, the newest events in memory) is full after this part of the time
WARM_SHARE = 1 / 3


@dataclass(frozen=True)
class Plan:
    """One run: so much is asked for within ``seconds``, and what was begun then has ``patience`` seconds to end."""

    seconds: float
    uploads: int
    jobs: int
    deployments: int
    readers: int = READERS
    swapped: int = 3
    predicting: int = 4

    @classmethod
    def of(cls, minutes: float) -> "Plan":
        """The whole in half an hour or more; in less time as much less."""
        share = min(1.0, minutes / FULL_MINUTES)
        return cls(
            seconds=minutes * 60,
            uploads=max(5, round(UPLOADS * share)),
            jobs=max(5, round(JOBS * share)),
            deployments=max(2, round(DEPLOYMENTS * share)),
            readers=READERS,
        )

    @property
    def patience(self) -> float:
        """How long after the end what was begun may take: machines differ, jobs do not wait for ever."""
        return max(60.0, self.seconds / 2)

    @property
    def warm_seconds(self) -> float:
        """After so much of the load the slope of the memory counts."""
        return self.seconds * WARM_SHARE

    @property
    def sample_seconds(self) -> float:
        """Between two looks at the memory: 600 of them, or one a second."""
        return max(1.0, self.seconds / 600)

    def line(self) -> str:
        """Say it in a line."""
        return (
            f"{self.seconds / 60:g} min: {self.uploads} concurrent uploads, {self.jobs} queued jobs, "
            f"{self.deployments} deployments, {self.readers} event readers, {self.predicting} clients that predict "
            f"{self.swapped} deployments which are swapped all the time"
        )
