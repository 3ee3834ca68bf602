"""One thing that was looked at, and what to do where it is not as it should be."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Literal

from skyulf_service.errors import SkyulfError

State = Literal["ok", "fail", "skipped"]
SECONDS = 10.0


class FaultError(Exception):
    """Something is wrong: in words, and what to do."""

    def __init__(self, text: str, advice: str = "") -> None:
        super().__init__(text)
        self.text, self.advice = text, advice


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at. ``advice`` says what to do where it failed."""

    subject: str
    state: State
    text: str
    advice: str = ""


async def attempt(
    subject: str, look: Callable[[], Awaitable[str]], *, advice: str = "", seconds: float = SECONDS
) -> Finding:
    """Look at something: the answer says what is good, an error what is not."""
    try:
        async with asyncio.timeout(seconds):
            return Finding(subject, "ok", await look())
    except FaultError as fault:
        return Finding(subject, "fail", fault.text, fault.advice or advice)
    except TimeoutError:
        return Finding(subject, "fail", f"no answer within {seconds:g} s", advice)
    except SkyulfError as error:
        return Finding(subject, "fail", error.detail, advice)
    except Exception as error:  # whatever it raises is what is wrong
        return Finding(subject, "fail", f"{type(error).__name__}: {error}", advice)
