"""Logs, traces and metrics, the same in every service and role."""
