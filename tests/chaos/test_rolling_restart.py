"""Each replica and each worker is told to end and is started again, one after the other, under predictions."""

import pytest
from harness import configs, constants
from harness.distributed import Distributed
from harness.journal import predicting
from harness.promises import Figures

ROUNDS = 2
# the one gateway of this form cannot be replaced without its clients noticing: tests/k8s/test_rolling.py replaces it
SINGLE = "gateway-api"

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


@pytest.mark.promise("R11")
def test_no_prediction_fails_while_every_role_is_restarted(distributed: Distributed, figures: Figures) -> None:
    with distributed.project() as api:
        constants.opposites(api, "steady")
        assert api.deploy("steady", "steady", 1)["replicas"] == 2
        ended = 0
        with predicting(api, "steady") as predictor:
            for _ in range(ROUNDS):
                for name, role in distributed.roles.items():
                    if name != SINGLE:
                        assert role.process.terminate() == 0, distributed.log(name)
                        role.start()
                        role.wait_ready()
                        ended += 1
        assert set(predictor.told) == {200}
        dataset = api.ready_dataset(configs.tiny_data())
        assert api.train(configs.tiny(), dataset["id"], register_as="after")["version"] == 1
    figures(f"{ended} SIGTERMs to 12 roles in turn, each ended with 0: {predictor.told[200]} predictions, 0 failed")
