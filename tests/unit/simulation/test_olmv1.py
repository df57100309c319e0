"""What an upgrade by OLM v1 does, given what OLM v1's own code says of the CRDs.

That code is asked in tests/integration/test_olm_v1.py.
"""

import json
from collections.abc import Callable

import pytest

from kopfkit.cli._olmv1upgrade import shown
from kopfkit.simulation import Bundle, Report, Situation, Verdict
from kopfkit.simulation.olmv1 import CHECK, DELETE, WRITE, Answer, simulate
from kopfkit.simulation.steps import ROLL
from kopfkit.simulation.webhooks import as_installed

from .conftest import HELLOWORLDS, schema

Changed = Callable[..., Bundle]


def upgrade(
    old: Bundle,
    new: Bundle,
    *unsafe: str,
    refused: str = "",
    situation: Situation | None = None,
) -> Report:
    answer = Answer(
        refused,
        {HELLOWORLDS: unsafe},
        {name: as_installed(old, crd) for name, crd in old.crds.items()},
        {name: as_installed(new, crd) for name, crd in new.crds.items()},
    )
    return simulate(old, new, situation or Situation(), answer)


def reasons(report: Report) -> str:
    return " ".join(each.reason for each in report.findings if each.verdict is not Verdict.OK)


def test_an_upgrade_that_the_safety_check_lets_through_keeps_the_conversion(
    bundles: dict[str, Bundle],
) -> None:
    report = upgrade(bundles["0.3.0"], bundles["0.4.0"])
    assert report.verdict is Verdict.OK
    told = [each.reason for each in report.findings if each.step == WRITE]
    assert any("its conversion and caBundle stay" in reason for reason in told)


def test_what_the_safety_check_refuses_changes_nothing(bundles: dict[str, Bundle]) -> None:
    report = upgrade(bundles["0.3.0"], bundles["0.4.0"], "v1: ^.spec: default: a new default")
    assert report.stopped
    assert report.at(CHECK) is Verdict.FAILS
    assert "v1: ^.spec: default: a new default" in reasons(report)
    assert not any(each.step == WRITE for each in report.findings)
    (hint,) = {each.hint for each in report.findings if each.verdict is Verdict.FAILS}
    assert "crdUpgradeSafety.enforcement: None" in hint


def test_a_bundle_that_is_not_rendered_stops_the_upgrade(bundles: dict[str, Bundle]) -> None:
    report = upgrade(bundles["0.3.0"], bundles["0.4.0"], refused="the new bundle: no")
    assert report.stopped
    assert "OLM v1 does not install it: the new bundle: no" in reasons(report)


def test_a_crd_that_is_left_out_is_deleted_with_its_objects(changed: Changed) -> None:
    def alone(bundle: Bundle) -> None:
        del bundle.crds[HELLOWORLDS]  # type: ignore[attr-defined]

    report = upgrade(changed("0.3.0"), changed("0.4.0", alone))
    assert report.at(DELETE) is Verdict.CORRUPTS
    assert "deletes the CRD, and with it every object" in reasons(report)

    def kept(bundle: Bundle) -> None:
        bundle.crds[HELLOWORLDS]["metadata"]["annotations"] = {"helm.sh/resource-policy": "keep"}

    report = upgrade(changed("0.3.0", kept), changed("0.4.0", alone))
    assert report.at(DELETE) is Verdict.FAILS
    assert "nothing reconciles its objects" in reasons(report)


def test_a_conversion_that_comes_with_the_upgrade_is_not_there_yet(
    bundles: dict[str, Bundle],
) -> None:
    report = upgrade(bundles["0.1.0"], bundles["0.4.0"])
    assert report.at(WRITE) is Verdict.FAILS
    assert "nobody has written its caBundle" in reasons(report)


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("deploymentName", "other", "the Service of other has no ready pod yet"),
        ("webhookPath", "/other", "names another path"),
        ("containerPort", 444, "names another port"),
    ],
)
def test_a_webhook_that_moves_cannot_be_called_for_a_while(
    changed: Changed, key: str, value: object, said: str
) -> None:
    def move(bundle: Bundle) -> None:
        strategy = bundle.csv["spec"]["install"]["spec"]
        for each in bundle.webhooks:
            for deployment in strategy["deployments"]:
                if key == "deploymentName" and deployment["name"] == each[key]:
                    deployment["name"] = value
        for each in bundle.webhooks:
            each[key] = value

    report = upgrade(changed("0.3.0"), changed("0.4.0", move))
    assert report.at(WRITE) is Verdict.FAILS
    assert said in reasons(report)


def test_a_conversion_that_is_taken_away_loses_fields(changed: Changed) -> None:
    def none(bundle: Bundle) -> None:
        bundle.csv["spec"]["webhookdefinitions"] = []
        bundle.crds[HELLOWORLDS]["spec"].pop("conversion", None)

    situation = Situation(protected=False)
    report = upgrade(changed("0.3.0"), changed("0.4.0", none), situation=situation)
    assert report.at(WRITE) is Verdict.CORRUPTS
    # The policy of the old release refuses that, whoever updates the CRD.
    assert upgrade(changed("0.3.0"), changed("0.4.0", none)).stopped


def test_pods_without_a_readiness_probe_leave_a_gap(changed: Changed) -> None:
    def hasty(bundle: Bundle) -> None:
        for deployment in bundle.csv["spec"]["install"]["spec"]["deployments"]:
            for container in deployment["spec"]["template"]["spec"]["containers"]:
                container.pop("readinessProbe", None)

    report = upgrade(changed("0.3.0"), changed("0.4.0", hasty))
    assert report.at(ROLL) is Verdict.FAILS


def test_objects_that_do_not_fit_are_let_through_and_told(changed: Changed) -> None:
    def narrow(bundle: Bundle) -> None:
        schema(bundle, "v1")["properties"]["replicas"]["maximum"] = 1

    obj = {
        "apiVersion": "test.jiaozi.com/v1",
        "kind": "HelloWorld",
        "metadata": {"name": "one", "namespace": "default"},
        "spec": {"replicas": 2},
    }
    situation = Situation(objects={HELLOWORLDS: {"v1": [obj]}})
    report = upgrade(changed("0.3.0"), changed("0.4.0", narrow), situation=situation)
    assert not report.stopped
    assert report.at(CHECK) is Verdict.FAILS
    assert "default/one spec.replicas" in reasons(report)


def test_an_edge_that_nobody_offers_is_told(changed: Changed) -> None:
    report = upgrade(changed("0.2.0"), changed("0.4.0"), situation=Situation(not_offered="No."))
    assert report.at(CHECK) is Verdict.FAILS
    assert "No." in reasons(report)


def test_several_steps_are_one_document_with_the_worst_verdict(bundles: dict[str, Bundle]) -> None:
    good = upgrade(bundles["0.3.0"], bundles["0.4.0"])
    bad = upgrade(bundles["0.2.0"], bundles["0.3.0"], "v1: ^.spec: type: changed")
    text, code = shown([good, bad], as_json_=True, every=False)
    document = json.loads(text)
    assert (document["verdict"], code) == ("fails", 3)
    assert [each["old"] for each in document["edges"]] == [good.old, bad.old]
    text, _ = shown([good, bad], as_json_=False, every=False)
    assert text.count("verdict: ") == 2
