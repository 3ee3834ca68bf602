"""What a record means to the handlers of a service: a task for each, or the reason why nobody can read it."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Generic, TypeVar
from uuid import UUID

from skyulf_service.database.unit_of_work import UnitOfWork
from skyulf_service.messaging.consumers import Consumers
from skyulf_service.messaging.records import Message, Record, UnreadableRecordError, id_of, message_of, type_of

U = TypeVar("U", bound=UnitOfWork)
MAX_BODY = 1 << 20


@dataclass(frozen=True, slots=True)
class Task(Generic[U]):
    """One message for one handler; ``call`` runs the handler on the parsed body."""

    message: Message
    consumer: str
    call: Callable[[U], Awaitable[None]]


def read(record: Record) -> Message:
    """Read a record's envelope, or raise `UnreadableRecordError`: also for one that is larger than any event is."""
    if len(record.value) > MAX_BODY:
        raise UnreadableRecordError("too-large", f"the body has {len(record.value)} bytes, over {MAX_BODY}")
    return message_of(record)


def tasks_of(consumers: Consumers[U], record: Record, consumer: str) -> list[Task[U]]:
    """The tasks of the handler of that name, and of all where the name is the group's; none where it is not known.

    Raises `UnreadableRecordError` for whatever `Delivery.process` would park without a handler's being called, so
    that a record is never taken for an event by one of the two and for garbage by the other.
    """
    message = read(record)
    named = consumers.named(consumer, message.type)
    return [Task(message, each.consumer, each.prepare(message)) for each in named]


def claims_of(consumers: Consumers[U], record: Record) -> set[tuple[str, UUID]] | None:
    """The claims (consumer, event id) of those that a record is for; None where it does not say what it is.

    Reads no body: what cannot be read is found out by whoever handles it.
    """
    try:
        named, identity = type_of(record), UUID(id_of(record))
    except (UnreadableRecordError, ValueError, TypeError):
        return None
    return None if named is None else {(each.consumer, identity) for each in consumers.subscriptions(named)}
