"""The operations of the API, by resource; each is written once for both clients."""
