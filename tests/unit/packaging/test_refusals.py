"""What operator-sdk and the API server say becomes findings with file and field."""

import json
from pathlib import Path

import pytest

from kopfkit.cluster.dryrun import as_written
from kopfkit.cluster.refusals import refusals
from kopfkit.packaging import checks, sdk
from kopfkit.packaging.checks import Bundle
from kopfkit.packaging.sdk import Remark

CSV = "bundle/manifests/helloworld-operator.clusterserviceversion.yaml"
SNAPSHOT = "bundle/manifests/test.jiaozi.com_helloworldsnapshots.yaml"
CRD = "bundle/manifests/test.jiaozi.com_helloworlds.yaml"


@pytest.fixture(scope="module")
def bundle(frozen_checkout: Path) -> Bundle:
    found, _ = checks.load(frozen_checkout / "bundle")
    assert found is not None
    return found


def report(*messages: str) -> str:
    outputs = [{"type": text.partition(":")[0].lower(), "message": text} for text in messages]
    return json.dumps({"passed": not messages, "outputs": outputs}) + "\ntime=now level=info\n"


@pytest.mark.parametrize(
    ("message", "finding"),
    [
        (
            "Error: Value helloworld-operator.v0.4.0: csv.Spec.Icon not specified",
            Remark(CSV, "spec.icon", "csv.Spec.Icon not specified", checks.ERROR),
        ),
        (
            'Error: Value : (helloworld-operator.v0.4.0) csv.Metadata.Annotations.Capabilities "X" '
            "is not a valid capabilities level",
            Remark(
                CSV,
                "metadata.annotations.capabilities",
                'csv.Metadata.Annotations.Capabilities "X" is not a valid capabilities level',
                checks.ERROR,
            ),
        ),
        (
            "Error: Field spec.names.shortNames[0], Value HelloWorldSnapshotList: "
            "spec.names.shortNames[0]: is no label",
            Remark(SNAPSHOT, "spec.names.shortNames[0]", "is no label", checks.ERROR),
        ),
        (
            "Error: Field spec.version, Value helloworld-operator.v0.4.0: is missing",
            Remark(CSV, "spec.version", "is missing", checks.ERROR),
        ),
        (
            'Error: Value test.jiaozi.com/v1, Kind=HelloWorld: CRD "helloworlds.test.jiaozi.com" '
            "is present in bundle and not defined in CSV",
            Remark(
                CRD,
                "",
                'CRD "helloworlds.test.jiaozi.com" is present in bundle and not defined in CSV',
                checks.ERROR,
            ),
        ),
        ("Warning: Value x: something", Remark("bundle", "", "something (x)", checks.WARNING)),
    ],
)
def test_a_message_of_operator_sdk_gets_its_file(
    bundle: Bundle, message: str, finding: Remark
) -> None:
    assert list(sdk.findings(report(message, message), bundle, "bundle")) == [finding]


def test_what_operator_sdk_says_of_its_own_validator_is_no_fault(bundle: Bundle) -> None:
    text = 'Warning: Value : The "operatorhub" validator is deprecated; use another'
    assert list(sdk.findings(report(text), bundle, "bundle")) == []


def test_without_a_report_the_fatal_message_is_the_fault(bundle: Bundle) -> None:
    text = 'time="2026" level=fatal msg="cannot load \\"x\\""'
    assert list(sdk.findings(text, bundle, "b")) == [
        Remark("b", "", 'cannot load "x"', checks.ERROR)
    ]


STRICT = (
    'Deployment in version "v1" cannot be handled as a Deployment: strict decoding error: unknown '
    'field "spec.bogus", unknown field "spec.template.x"'
)
TYPE = (
    'Deployment in version "v1" cannot be handled as a Deployment: json: cannot unmarshal string '
    "into Go struct field DeploymentSpec.spec.replicas of type int32"
)


@pytest.mark.parametrize(
    ("message", "causes", "expected"),
    [
        (
            'HelloWorld "a" is invalid: [spec.replicas: Invalid value: -5: is too small, ...]',
            [
                {"field": "spec.replicas", "message": "Invalid value: -5: is too small"},
                {"field": "<nil>.spec.x", "message": "Required value:  is missing"},
            ],
            [
                ("spec.replicas", "Invalid value: -5: is too small"),
                ("spec.x", "Required value: is missing"),
            ],
        ),
        (STRICT, [], [("spec.bogus", "unknown field"), ("spec.template.x", "unknown field")]),
        (TYPE, [], [("spec.replicas", TYPE[TYPE.index("cannot unmarshal") :])]),
        ("is 4000000 bytes", [], [("", "is 4000000 bytes")]),
        (None, None, [("", "is refused (None)")]),
    ],
)
def test_every_cause_of_a_refusal_gets_its_field(
    message: str | None, causes: list[dict[str, str]] | None, expected: list[tuple[str, str]]
) -> None:
    assert refusals({"message": message, "details": {"causes": causes}}) == expected


def test_what_a_csv_leaves_out_is_written_by_olm_as_gos_zero_value() -> None:
    item = {
        "type": "object",
        "required": ["name", "kind", "selector"],
        "properties": {
            "name": {"type": "string"},
            "kind": {"type": "string"},
            "selector": {"type": "object"},
        },
    }
    schema = {"properties": {"resources": {"type": "array", "items": item}}}
    written = as_written({"resources": [{"kind": "Pod"}], "other": 1}, schema)
    # A struct that is missing is for the API server to refuse.
    assert written == {"resources": [{"kind": "Pod", "name": ""}], "other": 1}
