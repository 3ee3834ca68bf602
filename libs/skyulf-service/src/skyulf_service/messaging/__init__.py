"""Events between services: tables of handlers, one policy of delivery, two transports."""
