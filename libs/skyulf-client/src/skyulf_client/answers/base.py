"""What all answers have in common."""

from typing import Generic, TypeVar

from pydantic import BaseModel, ConfigDict

T = TypeVar("T", bound=BaseModel)


class Answer(BaseModel):
    """A part of an answer: frozen, and tolerant of fields that a newer server added."""

    model_config = ConfigDict(frozen=True, extra="ignore", protected_namespaces=())


class Page(Answer, Generic[T]):
    """A part of a list; ``next_cursor`` asks for the next one, None is the end."""

    items: list[T]
    next_cursor: str | None = None


class Failure(Answer):
    """Why something did not work."""

    code: str
    message: str
