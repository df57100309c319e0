"""Alerts and dashboard, judged by the real promtool: each alert fires on its trouble and on nothing
else, and none on a healthy day."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from helloworld_operator.alerts import ALERTS
from kopfkit import yamls
from kopfkit.project import alerts

ROOT = Path(__file__).parents[3]
RULES = ROOT / "config/prometheus/rules.yaml"
P = "helloworld_operator_"
MINUTES = 60  # of one story

Promtool = Callable[..., str]


def pod(name: str, **labels: str) -> str:
    """The labels of a series of a pod."""
    found = {"namespace": "ns", "pod": name, **labels}
    return "{" + ",".join(f'{key}="{value}"' for key, value in found.items()) + "}"


def condition(kind: str, type: str, status: str, reason: str) -> str:
    labels = pod("c-0", kind=kind, type=type, status=status, reason=reason)
    return f"{P}object_conditions{labels}"


def results(result: str) -> str:
    return P + "reconcile_total" + pod("c-0", controller="helloworld", result=result)


def latency(bound: str) -> str:
    return P + "queue_latency_seconds_bucket" + pod("c-0", controller="helloworld", le=bound)


def conversion(bound: str) -> str:
    return P + "conversion_duration_seconds_bucket" + pod("w-0", le=bound)


def requests(code: str) -> str:
    return P + "api_requests_total" + pod("c-0", method="GET", code=code)


def reviews(result: str) -> str:
    return P + "conversion_reviews_total" + pod("w-0", result=result)


LEADER, STANDBY = P + "leader" + pod("c-0"), P + "leader" + pod("c-1")
LONGEST = P + "reconcile_longest_running_seconds" + pod("c-0", controller="helloworld")
WATCH = P + "watch_last_event_timestamp_seconds" + pod("c-0", path="/apis/x")
EXPIRES = P + "certificate_expiry_timestamp_seconds" + pod("w-0")
BLOCKED = P + "storage_migration_blocked" + pod("c-0")
ALWAYS = f"x{MINUTES}"
STEADY = f"0+60{ALWAYS}"

HEALTHY: Mapping[str, str] = {
    LEADER: f"1{ALWAYS}",
    STANDBY: f"0{ALWAYS}",
    results("success"): STEADY,
    results("error"): f"0+1{ALWAYS}",
    LONGEST: f"0{ALWAYS}",
    latency("1"): STEADY,
    latency("60"): STEADY,
    latency("+Inf"): STEADY,
    WATCH: STEADY,  # heard every minute: Unix time is 0 at the beginning of a story
    requests("200"): STEADY,
    requests("500"): f"0{ALWAYS}",
    condition("HelloWorld", "Available", "True", "Serving"): f"7{ALWAYS}",
    condition("HelloWorld", "Available", "False", "ScaledToZero"): f"2{ALWAYS}",
    condition("HelloWorld", "Degraded", "False", "AsExpected"): f"9{ALWAYS}",
    condition("HelloWorldSnapshot", "Failed", "False", "AsExpected"): f"3{ALWAYS}",
    BLOCKED: f"0{ALWAYS}",
    reviews("success"): STEADY,
    reviews("failure"): f"0{ALWAYS}",
    conversion("0.01"): STEADY,
    conversion("5"): STEADY,
    conversion("+Inf"): STEADY,
    EXPIRES: f"10000000{ALWAYS}",
}


@dataclass(frozen=True)
class Story:
    """What is different from a healthy day. `gone`: series that are not there."""

    changes: Mapping[str, str]
    gone: tuple[str, ...] = ()


STORIES = {
    "HelloWorldOperatorAbsent": Story({}, gone=(LEADER, STANDBY)),
    "HelloWorldOperatorWithoutLeader": Story({LEADER: f"0{ALWAYS}"}),
    "HelloWorldOperatorTwoLeaders": Story({STANDBY: f"1{ALWAYS}"}),
    "HelloWorldOperatorReconcileErrors": Story({results("error"): f"0+20{ALWAYS}"}),
    "HelloWorldOperatorReconcileStuck": Story({LONGEST: f"121{ALWAYS}"}),
    "HelloWorldOperatorQueueSlow": Story({latency("1"): f"0{ALWAYS}"}),
    "HelloWorldOperatorWatchSilent": Story({WATCH: f"0{ALWAYS}"}),
    "HelloWorldOperatorApiErrors": Story({requests("500"): f"0+10{ALWAYS}"}),
    "HelloWorldUnavailable": Story(
        {condition("HelloWorld", "Available", "False", "NoReadyPods"): f"1{ALWAYS}"}
    ),
    "HelloWorldDegraded": Story(
        {condition("HelloWorld", "Degraded", "True", "NameCollision"): f"1{ALWAYS}"}
    ),
    "HelloWorldRolledBack": Story(
        {condition("HelloWorld", "Degraded", "True", "RolledBack"): f"1{ALWAYS}"}
    ),
    "HelloWorldSnapshotFailed": Story(
        {condition("HelloWorldSnapshot", "Failed", "True", "ClaimPending"): f"1{ALWAYS}"}
    ),
    "HelloWorldOperatorStorageMigrationBlocked": Story({BLOCKED: f"1{ALWAYS}"}),
    "HelloWorldOperatorConversionAbsent": Story({}, gone=(reviews("success"), reviews("failure"))),
    "HelloWorldOperatorConversionFailing": Story({reviews("failure"): f"0+1{ALWAYS}"}),
    "HelloWorldOperatorConversionSlow": Story({conversion("0.01"): f"0{ALWAYS}"}),
    "HelloWorldOperatorCertificateExpires": Story({EXPIRES: f"70000{ALWAYS}"}),
}


def story(name: str, found: Story, *expectations: dict[str, Any]) -> dict[str, Any]:
    """A test in promtool's format."""
    series = {**HEALTHY, **found.changes}
    return {
        "name": name,
        "interval": "1m",
        "input_series": [
            {"series": key, "values": value}
            for key, value in series.items()
            if key not in found.gone
        ],
        "promql_expr_test": list(expectations),
    }


def firing(minute: int, *names: str) -> dict[str, Any]:
    """Exactly these alerts fire at that minute."""
    return {
        "expr": 'count by (alertname) (ALERTS{alertstate="firing"})',
        "eval_time": f"{minute}m",
        "exp_samples": [{"labels": f'{{alertname="{name}"}}', "value": 1} for name in names],
    }


def judge(promtool: Promtool, tmp_path: Path, tests: list[dict[str, Any]]) -> None:
    """Let promtool run these tests against the shipped rules."""
    rules = yamls.read(RULES)["spec"]
    (tmp_path / "rules.yaml").write_text(yamls.dump(rules))
    document = {"rule_files": ["rules.yaml"], "evaluation_interval": "1m", "tests": tests}
    file = tmp_path / "tests.yaml"
    file.write_text(yamls.dump(document))
    promtool("test", "rules", file)


def test_on_a_healthy_day_nothing_fires(promtool: Promtool, tmp_path: Path) -> None:
    judge(promtool, tmp_path, [story("healthy", Story({}), firing(30), firing(59))])


def test_each_alert_has_a_story() -> None:
    assert sorted(STORIES) == sorted(alert.name for alert in ALERTS)


def test_each_alert_fires_on_its_trouble_alone_and_after_its_time(
    promtool: Promtool, tmp_path: Path
) -> None:
    tests = []
    for alert in ALERTS:
        expectations = [firing(alert.minutes + 20, alert.name)]
        if alert.minutes:
            expectations.insert(0, firing(alert.minutes - 1))
        tests.append(story(alert.name, STORIES[alert.name], *expectations))
    judge(promtool, tmp_path, tests)


def test_the_shipped_rules_are_valid(promtool: Promtool, tmp_path: Path) -> None:
    for path in (RULES, ROOT / "config/manager/monitoring_config.yaml"):
        document = yamls.read(path)
        if document["kind"] == "ConfigMap":
            document = json.loads(document["data"]["prometheusrule.json"])
        file = tmp_path / path.name
        file.write_text(yamls.dump(document["spec"]))
        said = promtool("check", "rules", "--lint=all", "--lint-fatal", file)
        assert f"{len(ALERTS)} rules found" in said


def test_the_rules_that_are_derived_for_any_operator_are_valid(
    promtool: Promtool, tmp_path: Path
) -> None:
    name, metrics = "cache-operator", "cache_operator"
    found = alerts.of_process(name, metrics)
    found += alerts.of_controllers(name, metrics, ("Available", "Degraded"))
    found += alerts.of_webhook(name, metrics, f"{name}-webhook")
    rules = [{"alert": each.name, "expr": each.expr} for each in found]
    file = tmp_path / "derived.yaml"
    file.write_text(yamls.dump({"groups": [{"name": name, "rules": rules}]}))
    said = promtool("check", "rules", "--lint=all", "--lint-fatal", file)
    assert f"{len(found)} rules found" in said


def test_the_dashboard_asks_in_valid_promql(promtool: Promtool, tmp_path: Path) -> None:
    rules = []
    for path in (ROOT / "docs/dashboards").glob("*.json"):
        for panel in json.loads(path.read_text())["panels"]:
            for number, target in enumerate(panel.get("targets", [])):
                expression = target["expr"].replace("$__rate_interval", "5m")
                record = f"panel:{panel['id']}:{number}"
                rules.append({"record": record, "expr": expression.replace("$namespace", ".*")})
    assert len(rules) > 20
    file = tmp_path / "dashboard.yaml"
    file.write_text(yamls.dump({"groups": [{"name": "dashboard", "rules": rules}]}))
    assert f"{len(rules)} rules found" in promtool("check", "rules", file)


def test_a_broken_rule_is_noticed(promtool: Promtool, tmp_path: Path) -> None:
    file = tmp_path / "broken.yaml"
    rules = [{"alert": "Broken", "expr": "sum by (x (y)"}]
    file.write_text(yamls.dump({"groups": [{"name": "broken", "rules": rules}]}))
    with pytest.raises(AssertionError, match="parse error"):
        promtool("check", "rules", file)
