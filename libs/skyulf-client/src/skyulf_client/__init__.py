"""The Python client of Skyulf: `Skyulf` and `AsyncSkyulf`.

>>> from skyulf_client import Skyulf
"""

from skyulf_client.client import AsyncSkyulf, Skyulf
from skyulf_client.credentials import Credentials, find_credentials
from skyulf_client.errors import (
    CredentialsError,
    FieldProblem,
    SkyulfApiError,
    SkyulfClientError,
    SkyulfConnectionError,
    WaitTimeoutError,
)
from skyulf_client.operations import Retries

__all__ = [
    "AsyncSkyulf", "Credentials", "CredentialsError", "FieldProblem", "Retries", "Skyulf", "SkyulfApiError",
    "SkyulfClientError", "SkyulfConnectionError", "WaitTimeoutError", "find_credentials",
]  # fmt: skip
