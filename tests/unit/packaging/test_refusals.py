"""What operator-sdk and kubectl print becomes findings with file and field."""

import json
from pathlib import Path

import pytest

from kopfkit.cluster.dryrun import refusals
from kopfkit.packaging import checks, sdk
from kopfkit.packaging.checks import Bundle, Finding

CSV = "bundle/manifests/helloworld-operator.clusterserviceversion.yaml"
SNAPSHOT = "bundle/manifests/test.jiaozi.com_helloworldsnapshots.yaml"
CRD = "bundle/manifests/test.jiaozi.com_helloworlds.yaml"


@pytest.fixture(scope="module")
def bundle(frozen_checkout: Path) -> Bundle:
    found, _ = checks.load(frozen_checkout / "bundle")
    assert found is not None
    return found


def report(*messages: str) -> str:
    outputs = [{"type": "error", "message": text} for text in messages]
    return json.dumps({"passed": not messages, "outputs": outputs}) + "\ntime=now level=info\n"


@pytest.mark.parametrize(
    ("message", "finding"),
    [
        (
            "Error: Value helloworld-operator.v0.4.0: csv.Spec.Icon not specified",
            Finding(CSV, "spec.icon", "csv.Spec.Icon not specified"),
        ),
        (
            'Error: Value : (helloworld-operator.v0.4.0) csv.Metadata.Annotations.Capabilities "X" '
            "is not a valid capabilities level",
            Finding(
                CSV,
                "metadata.annotations.capabilities",
                'csv.Metadata.Annotations.Capabilities "X" is not a valid capabilities level',
            ),
        ),
        (
            "Error: Field spec.names.shortNames[0], Value HelloWorldSnapshotList: "
            "spec.names.shortNames[0]: is no label",
            Finding(SNAPSHOT, "spec.names.shortNames[0]", "is no label"),
        ),
        (
            "Error: Field spec.version, Value helloworld-operator.v0.4.0: is missing",
            Finding(CSV, "spec.version", "is missing"),
        ),
        (
            'Error: Value test.jiaozi.com/v1, Kind=HelloWorld: CRD "helloworlds.test.jiaozi.com" '
            "is present in bundle and not defined in CSV",
            Finding(
                CRD,
                "",
                'CRD "helloworlds.test.jiaozi.com" is present in bundle and not defined in CSV',
            ),
        ),
        ("Warning: Value x: something", Finding("bundle", "", "something (x)")),
    ],
)
def test_a_message_of_operator_sdk_gets_its_file(
    bundle: Bundle, message: str, finding: Finding
) -> None:
    assert list(sdk.findings(report(message, message), bundle, "bundle")) == [finding]


def test_what_operator_sdk_says_of_its_own_validator_is_no_fault(bundle: Bundle) -> None:
    text = 'Warning: Value : The "operatorhub" validator is deprecated; use another'
    assert list(sdk.findings(report(text), bundle, "bundle")) == []


def test_without_a_report_the_fatal_message_is_the_fault(bundle: Bundle) -> None:
    text = 'time="2026" level=fatal msg="cannot load \\"x\\""'
    assert list(sdk.findings(text, bundle, "b")) == [Finding("b", "", 'cannot load "x"')]


@pytest.mark.parametrize(
    ("printed", "expected"),
    [
        (
            'The HelloWorld "a" is invalid: spec.replicas: Invalid value: -5: is too small',
            [("spec.replicas", "Invalid value: -5: is too small")],
        ),
        (
            'The HelloWorld "a" is invalid: \n* spec.replicas: Invalid value: -5: is too small\n'
            "* <nil>.spec.x: Required value: is missing",
            [
                ("spec.replicas", "Invalid value: -5: is too small"),
                ("spec.x", "Required value: is missing"),
            ],
        ),
        (
            'Error from server (BadRequest): error when creating "STDIN": Deployment in version '
            '"v1" cannot be handled as a Deployment: strict decoding error: unknown field '
            '"spec.bogus", unknown field "spec.template.x"',
            [("spec.bogus", "unknown field"), ("spec.template.x", "unknown field")],
        ),
        (
            'Error from server (BadRequest): error when creating "STDIN": Deployment in version '
            '"v1" cannot be handled as a Deployment: json: cannot unmarshal string into Go struct '
            "field DeploymentSpec.spec.replicas of type int32",
            [
                (
                    "spec.replicas",
                    "cannot unmarshal string into Go struct field DeploymentSpec.spec.replicas of "
                    "type int32",
                )
            ],
        ),
    ],
)
def test_every_cause_of_a_refusal_gets_its_field(
    printed: str, expected: list[tuple[str, str]]
) -> None:
    assert refusals(printed) == expected
