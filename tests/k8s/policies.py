"""All policies: each says what is wrong with manifests, in a sentence a piece."""

from collections.abc import Callable, Iterator

from k8s import configuration_policies, container_policies, wiring_policies
from k8s.manifests import Manifests

Policy = Callable[[Manifests], Iterator[str]]
POLICIES: tuple[Policy, ...] = (
    container_policies.limits,
    container_policies.probes,
    container_policies.read_only_root,
    container_policies.no_root,
    container_policies.no_token,
    container_policies.pinned_images,
    container_policies.bounded_volumes,
    container_policies.children_fit,
    wiring_policies.ports_exist,
    wiring_policies.selectors_match,
    wiring_policies.scalers_have_targets,
    wiring_policies.monitors_see_everything,
    wiring_policies.routes_lead_somewhere,
    wiring_policies.every_deployment_has_a_budget,
    wiring_policies.nothing_else_is_allowed,
    wiring_policies.edges_have_two_ends,
    wiring_policies.addresses_are_allowed,
    configuration_policies.settings_are_known,
    configuration_policies.references_are_defined,
    configuration_policies.files_are_mounted,
)


def violations(manifests: Manifests) -> list[str]:
    """What any policy finds."""
    return [found for policy in POLICIES for found in policy(manifests)]
