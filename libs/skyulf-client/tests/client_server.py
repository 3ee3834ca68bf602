"""The server that the client's tests share."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from skyulf_client import Credentials

CONFIG: Mapping[str, object] = {
    "steps": [{"node": "TrainTestSplit", "config": {"target": "label", "stratify": True}}],
    "model": {"node": "logistic_regression"},
}


@dataclass(frozen=True)
class Running:
    """A server that tests share; each works with data of its own."""

    credentials: Credentials
    home: Path

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self.credentials.url.rpartition(":")[2])
