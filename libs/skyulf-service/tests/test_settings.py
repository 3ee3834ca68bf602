"""Settings: each source in its place, each service with its own name first."""

from pathlib import Path
from typing import ClassVar

import pytest
from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import SettingsConfigDict
from pydantic_settings.exceptions import SettingsError
from skyulf_service.ports import PORTS
from skyulf_service.settings import ServiceSettings, SharedSettings

SECURED = {
    "SKYULF_FORM": "distributed",
    "SKYULF_KAFKA_SECURITY_PROTOCOL": "SASL_SSL",
    **{f"SKYULF_{name.upper()}_URL": f"https://{name}-api:{port}" for name, port in PORTS.items()},
}


class RegistrySettings(ServiceSettings):
    """A service's settings."""

    model_config = SettingsConfigDict(env_prefix="SKYULF_REGISTRY_")
    service_name: ClassVar[str] = "registry"

    keep_days: int = 30
    origins: list[str] = Field(default_factory=list)
    secret: SecretStr | None = None


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SKYULF_HOME", str(tmp_path))
    return tmp_path


def test_each_source_gives_way_to_the_one_above(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert RegistrySettings().keep_days == 30

    (home / "skyulf.toml").write_text("keep_days = 1\nlog_level = 'error'\n")
    assert (RegistrySettings().keep_days, RegistrySettings().shared.log_level) == (1, "error")
    (home / "skyulf.toml").write_text("keep_days = 1\n[registry]\nkeep_days = 2\nlog_level = 'debug'\n")
    assert (RegistrySettings().keep_days, RegistrySettings().shared.log_level) == (2, "debug")
    assert SharedSettings().log_level == "info"
    (home / ".env").write_text("SKYULF_KEEP_DAYS=3\n")
    assert RegistrySettings().keep_days == 3
    (home / ".env").write_text("SKYULF_KEEP_DAYS=3\nSKYULF_REGISTRY_KEEP_DAYS=4\n")
    assert RegistrySettings().keep_days == 4
    monkeypatch.setenv("SKYULF_KEEP_DAYS", "5")
    assert RegistrySettings().keep_days == 5
    monkeypatch.setenv("SKYULF_REGISTRY_KEEP_DAYS", "6")
    assert RegistrySettings().keep_days == 6
    assert RegistrySettings(keep_days=7).keep_days == 7


def test_a_service_overrides_what_is_shared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SKYULF_LOG_LEVEL", "warning")
    monkeypatch.setenv("SKYULF_REGISTRY_LOG_LEVEL", "debug")

    assert SharedSettings().log_level == "warning"
    assert RegistrySettings().shared.log_level == "debug"
    assert RegistrySettings(shared=SharedSettings(log_level="error")).shared.log_level == "error"


def test_what_only_one_service_may_have_is_not_shared(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SKYULF_DATABASE_URL", "sqlite+aiosqlite:///everyone.sqlite3")
    monkeypatch.setenv("SKYULF_PORT", "1")

    assert RegistrySettings().database == f"sqlite+aiosqlite:///{home / 'db' / 'registry.sqlite3'}"
    assert RegistrySettings().api_port == 8002 + 1

    monkeypatch.setenv("SKYULF_REGISTRY_DATABASE_URL", "postgresql+asyncpg://u:p@h/registry")
    assert RegistrySettings().database == "postgresql+asyncpg://u:p@h/registry"


def test_secrets_come_from_files_and_lists_from_json(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (home / "secret").write_text("open sesame\n")
    monkeypatch.setenv("SKYULF_REGISTRY_SECRET_FILE", str(home / "secret"))
    monkeypatch.setenv("SKYULF_REGISTRY_ORIGINS", '["https://a.example"]')

    settings = RegistrySettings()

    assert settings.secret is not None
    assert settings.secret.get_secret_value() == "open sesame"
    assert "sesame" not in repr(settings)
    assert settings.origins == ["https://a.example"]
    monkeypatch.setenv("SKYULF_REGISTRY_ORIGINS", "https://a.example")
    with pytest.raises(SettingsError, match="origins"):
        RegistrySettings()
    monkeypatch.delenv("SKYULF_REGISTRY_ORIGINS")
    monkeypatch.setenv("SKYULF_REGISTRY_SECRET_FILE", str(home / "missing"))
    with pytest.raises(SettingsError, match="SECRET_FILE"):
        RegistrySettings()


def test_a_profile_changes_defaults_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SKYULF_PROFILE", "production")

    assert SharedSettings().log_format == "json"
    monkeypatch.setenv("SKYULF_LOG_FORMAT", "console")
    assert SharedSettings().log_format == "console"


@pytest.mark.parametrize(
    ("variables", "missing"),
    [
        ({"SKYULF_S3_ENDPOINT": "s3:9000"}, "S3"),
        ({"SKYULF_FORM": "distributed"}, "Kafka"),
        ({"SKYULF_FORM": "distributed", "SKYULF_KAFKA_SECURITY_PROTOCOL": "SASL_PLAINTEXT"}, "Kafka"),
        (
            {"SKYULF_FORM": "distributed", "SKYULF_KAFKA_SECURITY_PROTOCOL": "SASL_SSL"},
            "services: .*GATEWAY_URL",
        ),
        (
            {**SECURED, "SKYULF_REGISTRY_URL": "http://registry-api:8003"},
            "begin SKYULF_REGISTRY_URL w",
        ),
        (SECURED, "PostgreSQL"),
        ({"SKYULF_REGISTRY_DATABASE_URL": "postgresql+asyncpg://u:p@h/d"}, "TLS"),
    ],
)
def test_production_refuses_what_is_unsafe(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], missing: str
) -> None:
    monkeypatch.setenv("SKYULF_PROFILE", "production")
    RegistrySettings()
    for name, value in variables.items():
        monkeypatch.setenv(name, value)

    with pytest.raises(ValidationError, match=missing):
        RegistrySettings()


def test_production_takes_tls_or_a_clear_word(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SKYULF_PROFILE", "production")
    monkeypatch.setenv("SKYULF_REGISTRY_DATABASE_URL", "postgresql+asyncpg://u:p@h/d?ssl=verify-full")
    RegistrySettings()

    monkeypatch.setenv("SKYULF_REGISTRY_DATABASE_URL", "postgresql+asyncpg://u:p@h/d")
    monkeypatch.setenv("SKYULF_ALLOW_INSECURE", "true")
    RegistrySettings()

    monkeypatch.setenv("SKYULF_FORM", "distributed")
    assert not RegistrySettings().shared.refuses_plain
    for name, value in SECURED.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("SKYULF_REGISTRY_DATABASE_URL", "postgresql+asyncpg://u:p@h/d?ssl=verify-full")
    monkeypatch.setenv("SKYULF_ALLOW_INSECURE", "false")
    assert RegistrySettings().shared.refuses_plain


@pytest.mark.parametrize("given", ["SKYULF_TLS_CERT_FILE", "SKYULF_TLS_KEY_FILE"])
def test_a_certificate_comes_with_its_key(monkeypatch: pytest.MonkeyPatch, given: str) -> None:
    monkeypatch.setenv("SKYULF_FORM", "distributed")
    assert RegistrySettings().shared.certificate is None

    monkeypatch.setenv(given, "/run/tls/file")
    with pytest.raises(ValidationError, match="go together"):
        RegistrySettings()

    monkeypatch.setenv("SKYULF_TLS_CERT_FILE", "/run/tls/tls.crt")
    monkeypatch.setenv("SKYULF_REGISTRY_TLS_KEY_FILE", "/run/tls/registry.key")
    monkeypatch.setenv("SKYULF_TLS_KEY_FILE", "/run/tls/tls.key")
    assert RegistrySettings().shared.certificate == (Path("/run/tls/tls.crt"), Path("/run/tls/registry.key"))


def test_one_process_with_everything_shows_no_certificate(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SKYULF_TLS_CERT_FILE", "/run/tls/tls.crt")
    monkeypatch.setenv("SKYULF_TLS_KEY_FILE", "/run/tls/tls.key")

    with pytest.raises(ValidationError, match="distributed"):
        RegistrySettings()


def test_an_unreadable_file_says_so(home: Path) -> None:
    (home / "skyulf.toml").write_text("keep_days = = 1")

    with pytest.raises(SettingsError, match=r"skyulf\.toml"):
        RegistrySettings()
