"""Where in a bundle it stands what OLM v1's own code refuses.

That code itself is asked in tests/integration/test_olm_v1.py.
"""

from pathlib import Path
from typing import Any

import pytest

from kopfkit.cli import _olmv1
from kopfkit.cli._bundlereport import Fault
from kopfkit.olm.olmv1 import Judgement, Refusal
from kopfkit.packaging import checks
from kopfkit.packaging.checks import ERROR, Bundle
from kopfkit.packaging.trials import trials

CSV = "bundle/manifests/helloworld-operator.clusterserviceversion.yaml"
CRD = "bundle/manifests/test.jiaozi.com_helloworlds.yaml"


@pytest.fixture(scope="module")
def bundle(frozen_checkout: Path) -> Bundle:
    found, _ = checks.load(frozen_checkout / "bundle")
    assert found is not None
    return found


def rendered(kind: str, name: str, **more: Any) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": kind, "metadata": {"name": name}, **more}


@pytest.mark.parametrize(
    ("by", "why", "file", "field"),
    [
        ("validators.CheckConversionWebhookSupport", "no", CSV, "spec.installModes"),
        ("validators.CheckWebhookRules", "no", CSV, "spec.webhookdefinitions"),
        ("validators.CheckPackageNameNotEmpty", "package name is empty",
         "bundle/metadata/annotations.yaml", "annotations"),
        ("validators.CheckCRDResourceUniqueness",
         "bundle contains duplicate custom resource definition 'helloworlds.test.jiaozi.com'",
         CRD, ""),
        ("validators.CheckObjectSupport", 'unsupported resource "x" with kind "Y"',
         "bundle/manifests", ""),
        ("applier.(*RegistryV1ManifestProvider).Get",
         "unsupported bundle: bundle does not support AllNamespaces install mode",
         CSV, "spec.installModes"),
        ("resolve.NoDependencyValidation", 'via property "olm.package.required"',
         "bundle/metadata", ""),
        ("source.FromFS", "no such file", "bundle", ""),
        ("source.FromFS", 'error parsing objects in "manifests/x.yaml": no',
         "bundle/manifests/x.yaml", ""),
        ("validators.CheckOfAReleaseToCome", "no", "bundle", ""),
    ],
)  # fmt: skip
def test_a_refusal_is_told_at_its_place(
    bundle: Bundle, by: str, why: str, file: str, field: str
) -> None:
    told = Judgement((Refusal(by, why),), {})
    (fault,) = _olmv1.refusals(bundle, bundle.directory, told)
    assert fault == Fault(file, field, why, f"OLM v1: {by}", ERROR)


def test_a_bundle_that_kopfkit_cannot_read_is_told_all_the_same(tmp_path: Path) -> None:
    told = Judgement((Refusal("source.FromFS", "no CSV"),), {})
    (fault,) = _olmv1.refusals(None, tmp_path / "bundle", told)
    assert (fault.file, fault.why) == ("bundle/manifests", "no CSV")


def test_an_object_that_is_rendered_in_two_forms_is_an_error(bundle: Bundle) -> None:
    twice = [rendered("Service", "x-service"), rendered("Service", "x-service", spec={})]
    told = Judgement((), {"cert-manager": twice, "service-ca": twice})
    (fault,) = _olmv1.refusals(bundle, bundle.directory, told)
    assert (fault.file, fault.rule) == (CSV, "olm-v1-rendered-twice")
    assert "Service x-service is rendered 2 times" in fault.why
    assert fault.source.startswith("OLM v1")
    # Equal objects are one file of the chart that Helm installs.
    equal = Judgement((), {"cert-manager": [twice[0], twice[0]]})
    assert list(_olmv1.refusals(bundle, bundle.directory, equal)) == []


def test_what_is_rendered_is_tried_once_under_the_place_that_it_is_made_of(bundle: Bundle) -> None:
    name = bundle.deployments[1]["name"]
    hook = next(
        one for one in bundle.spec["webhookdefinitions"] if one["type"].startswith("Mutating")
    )
    configuration = hook["generateName"].removesuffix("-")
    crd = "helloworlds.test.jiaozi.com"
    common = [
        rendered("Deployment", name),
        rendered("MutatingWebhookConfiguration", configuration),
        rendered("ClusterRole", "some-role"),
    ]
    ours = {**rendered("Certificate", "x"), "apiVersion": "cert-manager.io/v1"}
    providers = {
        "cert-manager": [*common, rendered("CustomResourceDefinition", crd, a=1), ours],
        "service-ca": [*common, rendered("CustomResourceDefinition", crd, a=2)],
    }
    found = _olmv1.trials(bundle, Judgement((), providers))
    mark = " as OLM v1 renders it"
    at = bundle.spec["webhookdefinitions"].index(hook)
    assert [(file, field) for file, field, _ in found] == [
        (CSV + mark, "spec.install.spec.deployments[1]"),
        (CSV + mark, f"spec.webhookdefinitions[{at}]"),
        (CSV + mark, "ClusterRole some-role"),
        (CRD + mark, ""),
        (CRD + mark, ""),
    ]
    assert not {file for file, _, _ in found} & {file for file, _, _ in trials(bundle)}


def test_what_the_api_server_says_of_both_is_told_once() -> None:
    mark = " as OLM v1 renders it"
    said = [
        Fault(CSV, "a.b", "is wrong", "API server", ERROR),
        Fault(CSV + mark, "c.b", "is wrong", "API server", ERROR),
        Fault(CSV + mark, "c.b", "is too long", "API server", ERROR),
    ]
    assert list(_olmv1.new_here(said)) == [
        said[0],
        Fault(CSV, "c.b", "is too long", "API server, as OLM v1 renders it", ERROR),
    ]
