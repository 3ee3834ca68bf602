"""Write ``deploy/observability/grafana/dashboards/`` and the operator's alerts anew; ``--check`` only compares them."""

import sys
from pathlib import Path

from alerts import FOR_THE_OPERATOR, prometheus_rule
from dashboards_of_delivery import DELIVERY
from dashboards_of_jobs import JOBS
from dashboards_of_platform import PLATFORM
from dashboards_of_serving import SERVING
from grafana import Dashboard

FOLDER = Path(__file__).resolve().parents[1] / "deploy" / "observability" / "grafana" / "dashboards"
DASHBOARDS: tuple[Dashboard, ...] = (PLATFORM, DELIVERY, JOBS, SERVING)


def main(arguments: list[str]) -> int:
    """Write or check; returns the exit status."""
    files = {FOLDER / f"{each.name}.json": each.document() for each in DASHBOARDS}
    files[FOR_THE_OPERATOR] = prometheus_rule()
    if "--check" not in arguments:
        for path, text in files.items():
            path.write_text(text)
        return 0
    old = [path for path, text in files.items() if not path.exists() or path.read_text() != text]
    unknown = sorted(set(FOLDER.glob("*.json")) - files.keys())
    for path in [*old, *unknown]:
        sys.stderr.write(f"dashboards: {path.name} is not what tools/dashboards.py writes: run make contracts\n")
    return 1 if old or unknown else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
