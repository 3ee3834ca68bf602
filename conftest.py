"""Which examples hypothesis draws, and how many: docs/decisions/0020-the-same-examples-in-every-run.md."""

import pytest
from hypothesis import HealthCheck, is_hypothesis_test, settings
from hypothesis.internal.conjecture import providers

# the machine may be busy: how long an example takes is not what these tests are about
PATIENT = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
settings.register_profile("everyday", PATIENT, derandomize=True, max_examples=100)
settings.register_profile("hunt", PATIENT, max_examples=2_000, print_blob=True)
settings.load_profile("everyday")

pytest_plugins = ["harness.promises"]
HOUR = 3_600


@pytest.hookimpl(trylast=True)
def pytest_configure() -> None:
    """Keep examples the same, once the profile is known."""
    if settings.default.derandomize:
        # constants read in our code would be drawn too: which modules it has read depends on the tests that ran before,
        # and each constant that changes would change the examples of tests that have nothing to do with it
        providers._get_local_constants = providers.Constants


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give a hunt the time it needs."""
    for item in items if not settings.default.derandomize else ():
        if isinstance(item, pytest.Function) and is_hypothesis_test(item.obj):
            item.add_marker(pytest.mark.timeout(HOUR))
