"""How the gateway reaches the services behind it."""
