"""The alerts' rules as the Prometheus operator takes them."""

from pathlib import Path
from textwrap import indent

ROOT = Path(__file__).resolve().parents[1]
RULES = ROOT / "deploy" / "observability" / "rules.yml"
FOR_THE_OPERATOR = ROOT / "deploy" / "k8s" / "components" / "monitoring" / "rules.yaml"
HEAD = """\
# Made from deploy/observability/rules.yml by `make contracts`: change that.
apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata:
  name: skyulf
  namespace: skyulf
spec:
"""


def prometheus_rule() -> str:
    """The document of kind PrometheusRule with all groups of the rules, word for word."""
    _, begin, groups = RULES.read_text().partition("groups:\n")
    return HEAD + indent(begin + groups, "  ")
