"""Where the address and the key come from."""

import json
from pathlib import Path

import pytest
from skyulf_client import CredentialsError, Skyulf, find_credentials


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("SKYULF_URL", raising=False)
    monkeypatch.delenv("SKYULF_API_KEY", raising=False)
    monkeypatch.setenv("SKYULF_HOME", str(tmp_path))
    return tmp_path


def keep(home: Path, url: str = "http://127.0.0.1:8123") -> None:
    (home / "credentials.json").write_text(json.dumps({"url": url, "api_key": "sk_kept", "project": "default"}))


def test_the_file_of_the_first_run_is_enough(home: Path) -> None:
    keep(home)

    found = find_credentials()

    assert (found.url, found.api_key) == ("http://127.0.0.1:8123", "sk_kept")


def test_arguments_go_before_the_environment_and_that_before_the_file(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep(home)
    monkeypatch.setenv("SKYULF_URL", "http://env:1/")
    monkeypatch.setenv("SKYULF_API_KEY", "sk_env")

    assert find_credentials().url == "http://env:1"
    assert find_credentials().api_key == "sk_env"
    assert find_credentials("http://given:2", "sk_given").url == "http://given:2"
    assert find_credentials("http://given:2", "sk_given").api_key == "sk_given"


def test_the_kept_key_is_not_shown_to_another_server(home: Path) -> None:
    keep(home)

    with pytest.raises(CredentialsError, match=r"http://elsewhere:80.*holds one for http://127\.0\.0\.1:8123"):
        find_credentials("http://elsewhere:80")


def test_localhost_is_this_machine(home: Path) -> None:
    keep(home)

    assert find_credentials("http://localhost:8123/").api_key == "sk_kept"


def test_without_any_key_the_error_says_what_to_do() -> None:
    with pytest.raises(CredentialsError, match=r"SKYULF_API_KEY.*skyulf up"):
        Skyulf()


@pytest.mark.parametrize("text", ["", "[]", "{}", "no json"])
def test_a_damaged_file_is_named(home: Path, text: str) -> None:
    (home / "credentials.json").write_text(text)

    with pytest.raises(CredentialsError, match="is damaged"):
        find_credentials()


def test_a_key_is_not_shown_by_accident(home: Path) -> None:
    keep(home)

    assert "sk_kept" not in repr(find_credentials())
