"""Ports are given to one only: thirteen processes are told theirs before the first of them listens."""

from skyulf_service.testing import free_port
from skyulf_service.testing.ports import HIGHEST, LOWEST


def test_a_port_is_not_given_twice_though_nobody_listens_on_it() -> None:
    ports = [free_port() for _ in range(1000)]

    assert len(set(ports)) == len(ports)
    assert LOWEST <= min(ports) <= max(ports) <= HIGHEST
