"""What every refusal has to be: a problem document that a person can act on."""

import httpx

from harness.api import Json


def refused(answer: httpx.Response, status: int, *words: str) -> Json:
    """Check that the answer is a problem document of this status that names all the words; returns it."""
    text = f"{answer.request.method} {answer.request.url.path}: {answer.status_code} {answer.text[:2000]}"
    assert answer.status_code == status, text
    assert answer.headers["content-type"] == "application/problem+json", text
    problem: Json = answer.json()
    assert problem["type"].startswith("/problems/"), text
    assert problem["status"] == status, text
    assert problem["title"], text
    assert problem["detail"], text
    assert all(word in answer.text for word in words), f"{words} in {text}"
    return problem


def pointers(problem: Json) -> set[str]:
    """Where a problem document points to."""
    return {error["pointer"] for error in problem["errors"] or ()}
