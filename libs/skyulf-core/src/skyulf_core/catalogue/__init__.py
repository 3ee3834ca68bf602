"""The catalogue of nodes for people and programs, without data and without a server.

This module is the entry point `core` of the group `skyulf.catalogues`: the `skyulf` command finds the library by it.
"""

from skyulf_core.catalogue.entries import matches, node, nodes
from skyulf_core.catalogue.parameters import Parameter, parameters_of

__all__ = ["Parameter", "matches", "node", "nodes", "parameters_of"]
