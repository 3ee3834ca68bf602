"""Roles, permissions, and that no operation needs one which no role has."""

import pytest
from skyulf_gateway.api.documents import packaged_document, path_table
from skyulf_gateway.domain.errors import ScopeTooWideError, ScopeUnknownError
from skyulf_gateway.domain.permissions import PERMISSIONS, ROLES, expand, require_known, require_subset


def test_every_permission_of_every_service_is_in_the_list():
    document = packaged_document()
    assert document is not None

    assert path_table(document).permissions <= PERMISSIONS


def test_operations_of_the_packaged_document_are_found_by_their_own_paths():
    table = path_table(packaged_document())

    for route in table.routes:
        path = route.path.replace("{", "").replace("}", "").encode()
        assert table.find(route.method, path).route.service == route.service


@pytest.mark.parametrize("verb", ["predict", "explain"])
def test_who_may_predict_may_explain(verb):
    route = path_table(packaged_document()).find("POST", f"/api/v1/deployments/late/{verb}".encode()).route

    assert (route.service, route.permission) == ("inference", "predictions:make")


def test_roles_grow_from_viewer_to_admin():
    assert ROLES["viewer"] < ROLES["operator"] < ROLES["admin"]
    assert ROLES["viewer"] < ROLES["editor"] < ROLES["admin"]
    assert "models:deploy" not in ROLES["editor"]
    assert not {"system:operate", "projects:write"} & ROLES["admin"]


@pytest.mark.parametrize("scopes", [["*"], ["owner"], ["viewer", "*"], ["owner", "datasets:read"]])
def test_everything_swallows_the_rest(scopes):
    assert expand(scopes) == {"*"}


def test_unknown_scopes_are_all_named():
    with pytest.raises(ScopeUnknownError) as refused:
        require_known(["viewer", "moon:land", "datasets:read", "root"])

    assert [problem.pointer for problem in refused.value.errors] == ["/scopes/1", "/scopes/3"]


def test_a_role_is_no_way_around_the_subset():
    require_subset(["viewer"], ROLES["editor"])
    with pytest.raises(ScopeTooWideError, match="models:deploy"):
        require_subset(["operator"], ROLES["editor"])
    with pytest.raises(ScopeTooWideError):
        require_subset(["*"], ROLES["admin"])
