"""What the gateway holds in memory: verified keys, the live end of the event log, audit entries on their way."""
