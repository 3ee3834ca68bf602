from typing import Annotated

import notes_service
import pytest
from fastapi import APIRouter, Query
from pydantic import BaseModel, create_model
from skyulf_service.http import create_app, requires
from skyulf_service.http.openapi import Route, merge, operations, problems, route_table


def _document(service: str, path: str, model: type[BaseModel]) -> dict:
    router = APIRouter(tags=[service])

    async def read(limit: Annotated[int, Query()] = 1) -> model: ...

    router.get(path, responses=problems(507), **requires("things:read"))(read)
    return create_app(service=service, verifier=notes_service.Verifier(), routers=[router]).openapi()


def _model(title: str, **fields: type) -> type[BaseModel]:
    return create_model(title, **{key: (kind, ...) for key, kind in fields.items()})


def test_every_operation_says_its_service_permission_and_problems() -> None:
    document = notes_service.build(None).openapi()

    found = {operation["operationId"]: operation for _, _, operation in operations(document)}
    assert len(found) == 14
    create = found["notes_create_note"]
    assert create["x-skyulf-service"] == "notes"
    assert create["x-skyulf-permission"] == "notes:write"
    assert create["tags"] == ["notes"]
    refusals = {"400", "401", "403", "404", "409", "413", "415", "422", "429", "500", "503"}
    assert {"201"} | refusals == set(create["responses"])
    schema = create["responses"]["409"]["content"]["application/problem+json"]["schema"]
    assert schema == {"$ref": "#/components/schemas/Problem"}
    assert set(document["components"]["schemas"]) >= {"Problem", "FieldError"}
    assert "HTTPValidationError" not in document["components"]["schemas"]
    assert create["security"]


def test_open_operations_have_no_problems_of_identity_and_changes_have_those_of_versions() -> None:
    found = {operation["operationId"]: operation for _, _, operation in operations(notes_service.build(None).openapi())}

    assert not {"401", "403"} & set(found["notes_bug"]["responses"])
    assert "security" not in found["notes_bug"]
    assert {"412", "428"} <= set(found["notes_change_note"]["responses"])


def test_internal_and_health_routes_are_not_in_the_document() -> None:
    assert all(path.startswith("/api/") for _, path, _ in operations(notes_service.build(None).openapi()))


async def test_the_document_is_served_to_neighbours_but_no_pages() -> None:
    async with notes_service.client_of(notes_service.build(None)) as client:
        assert (await client.get("/openapi.json")).json()["x-skyulf-service"] == "notes"
        assert (await client.get("/docs")).status_code == 404


def test_documents_are_joined_and_equal_components_kept_once() -> None:
    same = {"id": int, "name": str}
    first = _document("one", "/api/v1/ones", _model("Thing", **same))
    second = _document("two", "/api/v1/twos", _model("Thing", **same))

    merged = merge([first, second])

    assert set(merged["paths"]) == {"/api/v1/ones", "/api/v1/twos"}
    assert "TwoThing" not in merged["components"]["schemas"]
    assert [tag["name"] for tag in merged["tags"]] == ["one", "two"]
    assert route_table(merged) == [
        Route("GET", "/api/v1/ones", "one", "things:read", "one_read"),
        Route("GET", "/api/v1/twos", "two", "things:read", "two_read"),
    ]


def test_components_that_differ_are_prefixed_with_all_that_refer_to_them() -> None:
    first = _document("one", "/api/v1/ones", _model("Outer", inner=_model("Inner", a=int)))
    second = _document("two", "/api/v1/twos", _model("Outer", inner=_model("Inner", b=str)))

    merged = merge([first, second])

    schemas = merged["components"]["schemas"]
    answer = merged["paths"]["/api/v1/twos"]["get"]["responses"]["200"]["content"]["application/json"]["schema"]
    assert answer == {"$ref": "#/components/schemas/TwoOuter"}
    assert schemas["TwoOuter"]["properties"]["inner"] == {"$ref": "#/components/schemas/TwoInner"}
    assert set(schemas["TwoInner"]["properties"]) == {"b"}
    assert set(schemas["Inner"]["properties"]) == {"a"}


def test_two_services_cannot_answer_one_operation() -> None:
    model = _model("Thing", a=int)

    with pytest.raises(ValueError, match="GET /api/v1/ones"):
        merge([_document("one", "/api/v1/ones", model), _document("two", "/api/v1/ones", model)])


def test_merging_leaves_the_documents_as_they_were() -> None:
    first = _document("one", "/api/v1/ones", _model("Thing", a=int))
    second = _document("two", "/api/v1/twos", _model("Thing", b=int))
    before = str(second)

    merge([first, second])

    assert str(second) == before
