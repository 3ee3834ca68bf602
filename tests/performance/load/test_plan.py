"""How much is asked for."""

from performance.load.plan import Plan


def test_half_an_hour_is_the_whole_and_longer_is_not_more() -> None:
    whole = Plan.of(30)

    assert (whole.uploads, whole.jobs, whole.deployments, whole.readers) == (200, 500, 50, 8)
    assert (whole.seconds, whole.warm_seconds, whole.patience) == (1800, 600, 900)
    assert Plan.of(60).jobs == 500


def test_less_time_asks_for_less_but_of_everything() -> None:
    look, glance = Plan.of(5), Plan.of(0.1)

    assert (look.uploads, look.jobs, look.deployments, look.readers) == (33, 83, 8, 8)
    assert min(glance.uploads, glance.jobs, glance.deployments, glance.readers) >= 2
    assert glance.sample_seconds == 1.0
