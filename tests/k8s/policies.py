"""All policies: each says what is wrong with manifests, in a sentence a piece."""

from collections.abc import Callable, Iterator

from k8s import (
    configuration_policies,
    container_policies,
    network_policies,
    role_policies,
    route_policies,
    secret_policies,
    security_policies,
    settings_policies,
    wiring_policies,
)
from k8s.manifests import Manifests

Policy = Callable[[Manifests], Iterator[str]]
POLICIES: tuple[Policy, ...] = (
    container_policies.limits,
    container_policies.probes,
    container_policies.time_to_end,
    container_policies.pinned_images,
    container_policies.bounded_volumes,
    container_policies.children_fit,
    security_policies.read_only_root,
    security_policies.restricted_pods,
    security_policies.restricted_containers,
    security_policies.restricted_namespaces,
    security_policies.no_token,
    role_policies.roles_exist,
    role_policies.pods_are_of_one_service,
    role_policies.migrations_come_first,
    wiring_policies.ports_exist,
    wiring_policies.selectors_match,
    wiring_policies.scalers_have_targets,
    wiring_policies.monitors_see_everything,
    wiring_policies.monitors_let_pods_wait,
    wiring_policies.every_deployment_has_a_budget,
    wiring_policies.every_deployment_is_spread,
    wiring_policies.every_deployment_rolls,
    route_policies.routes_lead_somewhere,
    route_policies.services_are_inside,
    network_policies.nothing_else_is_allowed,
    network_policies.peers_exist,
    network_policies.edges_have_two_ends,
    network_policies.edges_are_those_of_the_code,
    network_policies.only_what_is_asked_from_outside,
    network_policies.addresses_are_allowed,
    settings_policies.settings_are_known,
    settings_policies.settings_are_valid,
    settings_policies.files_are_mounted,
    configuration_policies.references_are_defined,
    secret_policies.secrets_are_of_the_service,
    secret_policies.secrets_are_files,
    secret_policies.secrets_are_for_their_user,
    secret_policies.nothing_secret_is_in_the_clear,
)


def violations(manifests: Manifests) -> list[str]:
    """What any policy finds."""
    return [found for policy in POLICIES for found in policy(manifests)]
