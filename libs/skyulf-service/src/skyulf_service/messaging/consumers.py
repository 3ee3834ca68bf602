"""Tables of handlers: which function of a service handles which event."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from pydantic import ValidationError
from skyulf_events import TOPICS, Event

from skyulf_service.database.unit_of_work import UnitOfWork
from skyulf_service.messaging.records import Message, UnreadableRecordError

U = TypeVar("U", bound=UnitOfWork)
E = TypeVar("E", bound=Event)


@dataclass(frozen=True, slots=True)
class Subscription(Generic[U]):
    """One handler. ``consumer`` (``group.function``) names it in the inbox and among dead letters, for good."""

    consumer: str
    prepare: Callable[[Message], Callable[[U], Awaitable[None]]]


class Consumers(Generic[U]):
    """The handlers of one service. ``group`` is the service's name, and its Kafka consumer group.

    A handler is called in a transaction of its own effect and the inbox's claim; it expects its event twice, late and
    out of order. Delivery (retry, parking, acknowledging) is not its business.

    ``first`` is done at the beginning of each of these transactions. Handlers that all lock one row take the lock
    there: else two transactions, one with a claim and one with the lock, could wait for each other.
    """

    def __init__(self, group: str, *, first: Callable[[U], Awaitable[None]] | None = None) -> None:
        self.group = group
        self.first = first
        self._of_type: dict[str, list[Subscription[U]]] = {}
        self._of_any: list[Subscription[U]] = []
        self._topics: set[str] = set()

    def on(
        self, event_type: type[E]
    ) -> Callable[[Callable[[U, E], Awaitable[None]]], Callable[[U, E], Awaitable[None]]]:
        """Register a handler of one type of event."""

        def register(handler: Callable[[U, E], Awaitable[None]]) -> Callable[[U, E], Awaitable[None]]:
            def prepare(message: Message) -> Callable[[U], Awaitable[None]]:
                event = _typed(message, event_type)
                return lambda uow: handler(uow, event)

            known = self._of_type.setdefault(event_type.ce_type(), [])
            known.append(Subscription(self._name(handler, known), prepare))
            self._topics.add(event_type.topic)
            return handler

        return register

    def on_any(self, handler: Callable[[U, Message], Awaitable[None]]) -> Callable[[U, Message], Awaitable[None]]:
        """Register a handler of every event, also of types that this release does not know (`Message.event`)."""

        def prepare(message: Message) -> Callable[[U], Awaitable[None]]:
            _checked(message)
            return lambda uow: handler(uow, message)

        self._of_any.append(Subscription(self._name(handler, self._of_any), prepare))
        self._topics.update(topic.name for topic in TOPICS)
        return handler

    @property
    def topics(self) -> frozenset[str]:
        """The topics that carry what the handlers want."""
        return frozenset(self._topics)

    def subscriptions(self, ce_type: str) -> Sequence[Subscription[U]]:
        """The handlers of a CloudEvents type."""
        return [*self._of_type.get(ce_type, ()), *self._of_any]

    def named(self, consumer: str, ce_type: str) -> Sequence[Subscription[U]]:
        """The handler of that name; all handlers of the type where the name is the group's."""
        found = self.subscriptions(ce_type)
        return found if consumer == self.group else [each for each in found if each.consumer == consumer]

    def _name(self, handler: Callable[..., Awaitable[None]], known: Sequence[Subscription[U]]) -> str:
        name = f"{self.group}.{handler.__name__}"
        if any(each.consumer == name for each in known):
            raise ValueError(f"two handlers of one event are named {name}: the inbox could not tell them apart")
        return name


def _typed(message: Message, event_type: type[E]) -> E:
    try:
        event = event_type.model_validate_json(message.body)
    except ValidationError as error:
        bad_json = any(problem["type"] == "json_invalid" for problem in error.errors(include_context=False))
        raise UnreadableRecordError("bad-json" if bad_json else "wrong-schema", _summary(error)) from None
    if event.event_id != message.id:
        raise UnreadableRecordError("wrong-id", f"the body's event_id {event.event_id} is not ce_id {message.id}")
    return event


def _checked(message: Message) -> None:
    try:
        known = message.event
    except ValidationError as error:
        raise UnreadableRecordError("wrong-schema", _summary(error)) from None
    if known is not None and known.event_id != message.id:
        raise UnreadableRecordError("wrong-id", f"the body's event_id {known.event_id} is not ce_id {message.id}")


def _summary(error: ValidationError) -> str:
    problems = error.errors(include_url=False, include_input=False, include_context=False)
    return "; ".join(f"{'/'.join(map(str, each['loc'])) or 'body'}: {each['msg']}" for each in problems[:5])
