"""Both forms start, are ready, and know who they are."""

from harness.form import Skyulf


def test_the_form_says_what_it_is(skyulf: Skyulf) -> None:
    with skyulf.admin() as admin:
        system = admin.ok("GET", "/system")
    assert system["form"] == skyulf.form
    assert system["status"] == "ready"
