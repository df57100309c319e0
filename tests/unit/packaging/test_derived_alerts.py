"""The alerts that follow from an operator, and the runbooks that are generated for them."""

import re
from dataclasses import replace
from typing import Any

import pytest

from helloworld_operator import alerts as helloworld
from kopfkit import yamls
from kopfkit.packaging import headers
from kopfkit.packaging.kustomize import config_tree
from kopfkit.packaging.releases import Release
from kopfkit.project import Alert, Monitoring, Project, alerts, derived

NAME, METRICS = "helloworld-operator", "helloworld_operator"
CONDITIONS = ("Available", "Progressing", "Degraded")
ALL = (
    *alerts.of_process(NAME, METRICS),
    *alerts.of_controllers(NAME, METRICS, CONDITIONS),
    *alerts.of_webhook(NAME, METRICS, helloworld.WEBHOOK),
)
PAGES = f"https://example.com/blob/main/{derived.RUNBOOKS}"


def test_they_ask_for_what_the_alerts_of_helloworld_ask_for() -> None:
    """Those are judged by promtool, and their metrics are read from running processes."""
    proved = {
        re.sub(r"kind=\"\w+\",|,reason!=\"\w+\"", "", each.expr) for each in helloworld.ALERTS
    }
    derived = {each.expr.replace("namespace, kind, reason", "namespace, reason") for each in ALL}
    assert derived <= proved


def test_their_names_may_begin_otherwise_than_the_operators() -> None:
    found = alerts.of_process(NAME, METRICS, "Other")
    links = re.findall(r"\]\((\w+)\.md\)", "".join(each.runbook for each in found))
    assert {*links} <= {each.name for each in found}
    assert found[0].name == "OtherAbsent"


def test_an_operator_without_a_condition_has_no_alert_on_it() -> None:
    names = {each.name for each in alerts.of_controllers("a-b", "a_b", ("Available",))}
    assert "ABObjectsUnavailable" in names
    assert "ABObjectsDegraded" not in names


@pytest.mark.parametrize("alert", ALL, ids=lambda alert: alert.name)
def test_each_has_a_runbook_that_says_what_to_do(alert: Alert) -> None:
    headings = re.findall(r"^## (.*)$", alert.runbook, re.MULTILINE)
    assert headings == ["What it means", "What is affected", "Where to look", "What to do"]
    names = {f"{each.name}.md" for each in ALL}
    assert {*re.findall(r"\]\(([^)#]+)\)", alert.runbook)} <= names
    assert not re.search(r"OPERATOR|METRICS|ALERT_", f"{alert.expr}{alert.summary}{alert.runbook}")


def test_runbooks_are_generated_beside_the_rules(project: Project, release: Release) -> None:
    mine = replace(ALL[0], name="Mine", runbook="")
    made = replace(project, monitoring=Monitoring((*ALL, mine), PAGES))
    tree = config_tree(made, release, "quay.io/me/operator:v0.1.0")
    rules: Any = yamls.load(tree["prometheus/rules.yaml"])
    shown = [rule for group in rules["spec"]["groups"] for rule in group["rules"]]
    assert {rule["alert"] for rule in shown} >= {"Mine", "HelloworldOperatorAbsent"}
    for rule in shown:
        folder, _, page = rule["annotations"]["runbook_url"].rpartition("/")
        assert folder == PAGES
        path = f"prometheus/runbooks/{page}"
        assert (path in tree) is (rule["alert"] != "Mine")
        if path in tree:
            assert headers.is_generated(tree[path])
            assert f"\n# {rule['alert']}\n\nSeverity: {rule['labels']['severity']}." in tree[path]
    assert "runbooks" not in tree["prometheus/kustomization.yaml"]
