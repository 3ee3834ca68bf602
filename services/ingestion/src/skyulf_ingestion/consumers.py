"""Events in: ingestion learns nothing from its neighbours yet; the table exists so that every service has one."""

from skyulf_ingestion.persistence.unit_of_work import IngestionUnitOfWork
from skyulf_service.messaging.consumers import Consumers

consumers: Consumers[IngestionUnitOfWork] = Consumers(group="ingestion")
