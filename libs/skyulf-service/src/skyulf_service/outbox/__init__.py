"""Outgoing events: written with the change that they announce, published by one relay per service."""
