"""Where Skyulf is, and who is asking: arguments, then the environment, then the file of the first run."""

import json
import os
import re
from dataclasses import dataclass
from pathlib import Path

from platformdirs import user_data_path

from skyulf_client.errors import CredentialsError, DamagedCredentialsError

URL, KEY, HOME = "SKYULF_URL", "SKYULF_API_KEY", "SKYULF_HOME"
DEFAULT_URL = "http://127.0.0.1:8000"


@dataclass(frozen=True, slots=True)
class Credentials:
    """An address and an API key."""

    url: str
    api_key: str

    def __repr__(self) -> str:
        return f"Credentials(url={self.url!r}, api_key='sk_…')"


def home_folder() -> Path:
    """The data folder of Skyulf on this machine (``SKYULF_HOME``)."""
    named = os.environ.get(HOME)
    return Path(named) if named else user_data_path("skyulf", appauthor=False)


def find_credentials(url: str | None = None, api_key: str | None = None, *, home: Path | None = None) -> Credentials:
    """Complete what is given from ``SKYULF_URL``, ``SKYULF_API_KEY`` and ``credentials.json`` of the home folder.

    The file's key is only taken for the file's own address: a key must not be shown to another server.
    Raises `CredentialsError`.
    """
    file = (home or home_folder()) / "credentials.json"
    kept = _read(file)
    url = url or os.environ.get(URL) or (kept.url if kept else DEFAULT_URL)
    api_key = api_key or os.environ.get(KEY)
    if not api_key and kept and _same_place(kept.url, url):
        api_key = kept.api_key
    if not api_key:
        of_other = f" ({file} holds one for {kept.url})" if kept else ""
        raise CredentialsError(
            f"There is no API key for {url}{of_other}: set {KEY}, or start Skyulf on this machine with `skyulf up`."
        )
    if not re.fullmatch(r"[!-~]+", api_key):
        raise CredentialsError(f"The API key holds characters that no key has: look at {KEY} or what was given.")
    return Credentials(url.rstrip("/"), api_key)


def _same_place(first: str, second: str) -> bool:
    return _plain(first) == _plain(second)


def _plain(url: str) -> str:
    return url.rstrip("/").replace("//localhost:", "//127.0.0.1:")


def _read(file: Path) -> Credentials | None:
    try:
        text = file.read_text()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise DamagedCredentialsError(f"{file} cannot be read: {error.strerror}.") from error
    try:
        found = json.loads(text)
        return Credentials(str(found["url"]).rstrip("/"), str(found["api_key"]))
    except (ValueError, KeyError, TypeError) as error:
        raise DamagedCredentialsError(f"{file} is damaged: it must hold url and api_key.") from error
