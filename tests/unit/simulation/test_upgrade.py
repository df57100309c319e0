"""Verdicts on upgrades of the real releases, whole and with a part taken away.

The expected ones of the table are what the real OLM did (docs/decisions/0006 and 0014).
"""

import copy
from collections.abc import Callable
from typing import Any

import pytest

from kopfkit.simulation import Bundle, Report, Situation, Verdict, as_text, simulate

from .conftest import (
    HELLOWORLDS,
    Change,
    schema,
    without_conversion,
    without_guard,
    without_protection,
    without_secret_rights,
)

Make = Callable[..., Bundle]
OK, FAILS, CORRUPTS = Verdict.OK, Verdict.FAILS, Verdict.CORRUPTS


def verdicts(report: Report, subject: str) -> dict[str, Verdict]:
    found: dict[str, Verdict] = {}
    for each in report.findings:
        if each.subject == subject and each.crd == HELLOWORLDS:
            found[each.step] = each.verdict
    return found


def reasons(report: Report) -> str:
    return "\n".join(each.reason for each in report.findings if each.verdict is not OK)


# Which parts are missing in both releases, and where calls then fail or data is lost.
TABLE: dict[str, tuple[list[Change], dict[str, Verdict]]] = {
    "A: a webhook is declared, no helper": (
        [without_guard, without_secret_rights],
        {
            "CRD overwritten": FAILS,
            "webhook rolled out": FAILS,
            "conversion restored": OK,
            "CRD overwritten again": FAILS,
            "old release removed": FAILS,
        },
    ),
    "B: no conversion in the CRD": (
        [without_conversion, without_guard, without_secret_rights, without_protection],
        {
            "CRD overwritten": CORRUPTS,
            "webhook rolled out": CORRUPTS,
            "conversion restored": OK,
            "CRD overwritten again": CORRUPTS,
            "old release removed": FAILS,
        },
    ),
    "C: the guard alone": (
        [without_secret_rights],
        {
            "CRD overwritten": OK,
            "webhook rolled out": OK,
            "conversion restored": OK,
            "CRD overwritten again": OK,
            "old release removed": OK,
        },
    ),
    "E without the guard": (
        [without_guard],
        {
            "CRD overwritten": FAILS,
            "conversion restored": OK,
            "CRD overwritten again": FAILS,
            "old release removed": OK,
        },
    ),
    "E: the guard, and the Secret owned by the Deployment": (
        [],
        {
            "CRD overwritten": OK,
            "webhook rolled out": OK,
            "conversion restored": OK,
            "CRD overwritten again": OK,
            "old release removed": OK,
        },
    ),
}


@pytest.mark.parametrize("row", TABLE)
def test_the_verdicts_are_what_was_measured(changed: Make, row: str) -> None:
    changes, expected = TABLE[row]
    report = simulate(changed("0.3.0", *changes), changed("0.4.0", *changes))
    assert {step: report.at(step) for step in expected} == expected, as_text(report)
    assert report.verdict is max(expected.values(), key=lambda each: each.exit_code)


@pytest.mark.parametrize(
    ("old", "new"), [("0.1.0", "0.2.0"), ("0.2.0", "0.3.0"), ("0.3.0", "0.4.0"), ("0.2.0", "0.4.0")]
)
def test_the_ways_of_the_catalog_harm_nobody(
    bundles: dict[str, Bundle], old: str, new: str
) -> None:
    report = simulate(bundles[old], bundles[new])
    assert report.verdict is OK, as_text(report)
    assert not report.stopped


def test_to_store_a_new_version_before_the_webhook_serves_fails_the_old_clients(
    bundles: dict[str, Bundle],
) -> None:
    report = simulate(bundles["0.1.0"], bundles["0.4.0"])
    assert verdicts(report, "clients of v1alpha1") == {
        "CRD overwritten": FAILS,
        "webhook rolled out": FAILS,
        "conversion restored": FAILS,
        "CRD overwritten again": FAILS,
        "afterwards": OK,
    }
    assert set(verdicts(report, "clients of v1").values()) == {OK}


def test_the_way_back_is_refused_because_objects_may_be_stored_in_the_newer_version(
    bundles: dict[str, Bundle],
) -> None:
    report = simulate(bundles["0.4.0"], bundles["0.1.0"])
    assert report.stopped
    assert "status.storedVersions names v1" in reasons(report)
    assert "kopfkit migrate storage" in as_text(report)
    assert "CRD overwritten" not in verdicts(report, "CRD")


def test_a_version_may_go_once_nothing_is_stored_in_it(changed: Make) -> None:
    def v1_alone(bundle: Bundle) -> None:
        spec = bundle.crds[HELLOWORLDS]["spec"]
        spec["versions"] = [each for each in spec["versions"] if each["name"] == "v1"]

    old, new = changed("0.3.0"), changed("0.4.0", v1_alone)
    before = Situation(stored_versions={HELLOWORLDS: ("v1alpha1", "v1")})
    assert simulate(old, new, before).stopped
    report = simulate(old, new, Situation(stored_versions={HELLOWORLDS: ("v1",)}))
    assert not report.stopped
    assert verdicts(report, "clients of v1alpha1")["afterwards"] is FAILS
    assert verdicts(report, "clients of v1")["afterwards"] is OK


def test_a_guard_that_does_not_answer_is_none(bundles: dict[str, Bundle]) -> None:
    report = simulate(bundles["0.3.0"], bundles["0.4.0"], Situation(guard=False))
    assert report.at("CRD overwritten") is FAILS


def test_a_guard_that_only_the_new_release_has_comes_too_late(changed: Make) -> None:
    report = simulate(changed("0.3.0", without_guard), changed("0.4.0"))
    assert report.at("CRD overwritten") is FAILS


def test_a_guard_for_other_crds_is_none(changed: Make) -> None:
    def unlabelled(bundle: Bundle) -> None:
        bundle.crds[HELLOWORLDS]["metadata"].pop("labels")

    report = simulate(changed("0.3.0", unlabelled), changed("0.4.0", unlabelled))
    assert report.at("CRD overwritten") is FAILS
    # Either of the two CRDs that it is asked about may carry the label.
    assert simulate(changed("0.3.0"), changed("0.4.0", unlabelled)).verdict is OK


def test_a_bundle_that_takes_a_protected_conversion_away_is_refused(changed: Make) -> None:
    old, new = changed("0.3.0"), changed("0.4.0", without_conversion)
    report = simulate(old, new)
    assert report.stopped
    assert "a policy of the old release" in reasons(report)
    unprotected = simulate(old, new, Situation(protected=False))
    assert unprotected.verdict is CORRUPTS

    def v1_alone(bundle: Bundle) -> None:
        for each in bundle.crds[HELLOWORLDS]["spec"]["versions"]:
            each["served"] = each["name"] == "v1"

    migrated = Situation(stored_versions={HELLOWORLDS: ("v1",)})
    assert not simulate(old, changed("0.4.0", without_conversion, v1_alone), migrated).stopped


def test_the_secret_goes_with_the_release_if_the_cluster_says_so(changed: Make) -> None:
    old, new = changed("0.3.0"), changed("0.4.0", without_guard)
    report = simulate(old, new, Situation(secret_owner="csv"))
    assert report.at("CRD overwritten") is OK
    assert report.at("old release removed") is FAILS
    assert "old certificate" in reasons(report)


def test_a_renamed_webhook_deployment_has_no_ready_pod_when_it_is_asked(changed: Make) -> None:
    def renamed(bundle: Bundle) -> None:
        for each in bundle.webhooks:
            each["deploymentName"] = "other"
        for each in bundle.csv["spec"]["install"]["spec"]["deployments"]:
            if each["name"].endswith("-webhook"):
                each["name"] = "other"

    report = simulate(changed("0.3.0"), changed("0.4.0", renamed))
    assert report.at("conversion restored") is FAILS


def _deployment(change: Callable[[Any], None]) -> Change:
    def apply(bundle: Bundle) -> None:
        for each in bundle.csv["spec"]["install"]["spec"]["deployments"]:
            if each["name"].endswith("-webhook"):
                change(each["spec"])

    return apply


def _without_readiness(spec: Any) -> None:
    for each in spec["template"]["spec"]["containers"]:
        each.pop("readinessProbe")


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (_deployment(lambda spec: spec.update(strategy={"type": "Recreate"})), "recreated"),
        (
            _deployment(
                lambda spec: spec.update(strategy={"rollingUpdate": {"maxUnavailable": "100%"}})
            ),
            "all of 2 pods",
        ),
        (_deployment(_without_readiness), "no readiness probe"),
        (lambda bundle: bundle.webhooks[0].update(webhookPath="/other"), "its path changes"),
    ],
)
def test_a_rollout_with_a_gap_fails_calls(changed: Make, change: Change, why: str) -> None:
    report = simulate(changed("0.3.0"), changed("0.4.0", change))
    assert report.at("webhook rolled out") is FAILS
    assert why in reasons(report)


def test_a_new_stored_version_that_old_pods_do_not_know_fails_until_they_are_gone(
    changed: Make,
) -> None:
    def stores_v2(bundle: Bundle) -> None:
        versions = bundle.crds[HELLOWORLDS]["spec"]["versions"]
        v2 = {**copy.deepcopy(versions[0]), "name": "v2", "storage": True}
        versions[:] = [*({**each, "storage": False} for each in versions), v2]

    report = simulate(changed("0.3.0"), changed("0.4.0", stores_v2))
    assert verdicts(report, "clients of v1")["webhook rolled out"] is FAILS
    assert verdicts(report, "clients of v1")["old release removed"] is OK


def test_a_conversion_that_olm_does_not_install_stops_the_upgrade(changed: Make) -> None:
    def in_one_namespace(bundle: Bundle) -> None:
        for each in bundle.csv["spec"]["installModes"]:
            each["supported"] = True

    report = simulate(changed("0.3.0"), changed("0.4.0", in_one_namespace))
    assert report.verdict is FAILS
    assert "install modes" in reasons(report)


def test_a_field_that_is_gone_is_data_that_is_gone(changed: Make) -> None:
    def without_greeting(bundle: Bundle) -> None:
        schema(bundle, "v1")["properties"].pop("greeting")

    report = simulate(changed("0.3.0"), changed("0.4.0", without_greeting))
    assert verdicts(report, "stored objects")["afterwards"] is CORRUPTS
    assert "spec.greeting" in reasons(report)


def test_a_stricter_schema_fails_clients(changed: Make) -> None:
    def smaller(bundle: Bundle) -> None:
        schema(bundle, "v1alpha1")["properties"]["size"]["maximum"] = 2

    report = simulate(changed("0.3.0"), changed("0.4.0", smaller))
    assert verdicts(report, "clients of v1alpha1")["afterwards"] is FAILS
    assert "spec.size has maximum 2" in reasons(report)


def test_two_versions_with_the_same_fields_need_no_webhook(changed: Make) -> None:
    def twins(bundle: Bundle) -> None:
        crd = bundle.crds[HELLOWORLDS]
        crd["spec"].pop("conversion", None)
        one, other = crd["spec"]["versions"]
        one["schema"] = other["schema"]
        bundle.csv["spec"]["webhookdefinitions"] = []

    report = simulate(changed("0.3.0", twins), changed("0.4.0", twins))
    assert report.verdict is OK, as_text(report)


def test_a_field_that_only_the_version_not_stored_has_is_lost_by_a_write(changed: Make) -> None:
    def one_more(bundle: Bundle) -> None:
        crd = bundle.crds[HELLOWORLDS]
        crd["spec"].pop("conversion", None)
        stored, other = sorted(crd["spec"]["versions"], key=lambda each: not each["storage"])
        other["schema"] = copy.deepcopy(stored["schema"])
        spec = other["schema"]["openAPIV3Schema"]["properties"]["spec"]
        spec["properties"]["extra"] = {"type": "string"}
        bundle.csv["spec"]["webhookdefinitions"] = []

    report = simulate(changed("0.3.0", one_more), changed("0.4.0", one_more))
    assert verdicts(report, "clients of v1alpha1")["afterwards"] is CORRUPTS
    assert verdicts(report, "stored objects")["afterwards"] is CORRUPTS
    assert verdicts(report, "clients of v1")["afterwards"] is OK
    assert "v1alpha1 becomes v1 without spec.extra" in reasons(report)


def test_a_crd_that_is_left_out_stays_with_nobody(changed: Make) -> None:
    def without(bundle: Bundle) -> None:
        crds = dict(bundle.crds)
        crds.pop(HELLOWORLDS)
        object.__setattr__(bundle, "crds", crds)

    report = simulate(changed("0.3.0"), changed("0.4.0", without))
    assert verdicts(report, "stored objects") == {"afterwards": FAILS}
