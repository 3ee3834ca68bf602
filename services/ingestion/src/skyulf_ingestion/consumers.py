"""Events in: ingestion learns nothing from its neighbours yet; the table exists so that every service has one."""

from skyulf_service.messaging.consumers import Consumers

from skyulf_ingestion.persistence.unit_of_work import IngestionUnitOfWork

consumers: Consumers[IngestionUnitOfWork] = Consumers(group="ingestion")
