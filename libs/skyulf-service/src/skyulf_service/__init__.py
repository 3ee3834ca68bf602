"""Technical defaults of a Skyulf service: database, outbox, messaging, long work, objects, telemetry."""
