"""Every Deployment runs as its manifest says, and is replaced while predictions are asked for: none fails."""

from collections import Counter

import pytest
from harness import flights
from harness.distributed import ROLES
from harness.promises import Figures
from k8s.cluster import Cluster
from k8s.load import asking, serve

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200), pytest.mark.promise("R11"), pytest.mark.xdist_group("forms")]


def test_no_prediction_fails_while_every_deployment_is_replaced(cluster: Cluster, figures: Figures) -> None:
    rows = flights.shuffled(flights.held_out(10))
    replaced = [f"{service}-{role}" for service, roles in ROLES.items() for role in roles if role != "api-2"]

    with cluster.project() as api:
        serve(api, "before")
        expected = api.predict("before", rows)["predictions"]
        with asking(lambda: api.call("POST", "/deployments/before/predict", json={"rows": rows}), expected) as asked:
            for name in replaced:
                cluster.roll(name)
        serve(api, "after")
        assert api.predict("after", rows)["predictions"] == expected

    right = sum(each.right for each in asked)
    figures(f"{len(replaced)} Deployments of the manifests replaced under {right} predictions")
    # dedicated endpoints come and go with another test
    assert set(replaced) == {name for name in cluster.pods if not name.startswith("endpoint-")}
    assert sum((each.wrong for each in asked), Counter()) == {}
    assert right > 20 * len(replaced)
