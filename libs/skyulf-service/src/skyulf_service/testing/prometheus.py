"""A Prometheus server as a process, that scrapes what it is told to."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar
from urllib.parse import quote
from urllib.request import urlopen

from skyulf_service.testing import toolchain
from skyulf_service.testing.native import NativeServer
from skyulf_service.testing.ports import free_port, http_status

SCRAPE_SECONDS = 1


class NativePrometheus(NativeServer):
    """One server. ``targets`` are addresses (``host:port``) by the name of their process; ``rules`` a file of rules."""

    kind: ClassVar[str] = "prometheus"

    def __init__(self, targets: Mapping[str, str], *, rules: Path | None = None, folder: Path | None = None) -> None:
        super().__init__(folder)
        self.port = free_port()
        self._targets = dict(targets)
        self._rules = rules

    def address(self) -> dict[str, str]:
        """Return ``url``."""
        return {"url": f"http://127.0.0.1:{self.port}"}

    def prepare(self) -> None:
        """Write the configuration."""
        every = f"{SCRAPE_SECONDS}s"
        targets = [{"targets": [place], "labels": {"process": name}} for name, place in self._targets.items()]
        config: dict[str, object] = {
            "global": {"scrape_interval": every, "scrape_timeout": every, "evaluation_interval": every},
            "scrape_configs": [{"job_name": "skyulf", "static_configs": targets}],
        }
        if self._rules is not None:
            config["rule_files"] = [str(self._rules)]
        (self.folder / "prometheus.yml").write_text(json.dumps(config))  # JSON is YAML

    def command(self) -> list[str]:
        """Return the server's command."""
        config, data = self.folder / "prometheus.yml", self.folder / "data"
        listen = f"--web.listen-address=127.0.0.1:{self.port}"
        return [
            *(toolchain.prometheus(), f"--config.file={config}", f"--storage.tsdb.path={data}", listen),
            *("--enable-feature=exemplar-storage", "--log.level=warn"),
        ]

    def ready(self) -> bool:
        """Say whether it answers queries and has seen all targets, which it first knows of some seconds later.

        What happens before it has seen one, in time, has no increase in any series.
        """
        if http_status(f"http://127.0.0.1:{self.port}/-/ready") != 200:
            return False
        return len(self.query("up == 1")) == len(self._targets)

    def query(self, promql: str) -> list[dict[str, object]]:
        """Return the series of an expression as it is now; raises where Prometheus refuses it."""
        return self._asked(f"/api/v1/query?query={quote(promql, safe='')}", "result")

    def exemplars(self, promql: str) -> list[dict[str, object]]:
        """Return the exemplars of the last hour of a series."""
        return self._asked(f"/api/v1/query_exemplars?query={quote(promql, safe='')}&start=0&end=9999999999", None)

    def _asked(self, path: str, key: str | None) -> list[dict[str, object]]:
        with urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=10) as answer:
            data = json.load(answer)["data"]
        found: list[dict[str, object]] = data if key is None else data[key]
        return found
