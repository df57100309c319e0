"""What the API server says, as conditions and Events carry it."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from budgets import budget
from kopfkit.runtime.api.errors import Invalid
from kopfkit.runtime.api.sentences import LONGEST, sentence

SECURITY = (
    '{"capabilities":{"add":["SYS_TIME"]},"privileged":true,"allowPrivilegeEscalation":false}'
)


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        # kube-apiserver 1.34, a Deployment with privileged and without allowPrivilegeEscalation.
        (
            'Deployment.apps "x" is invalid: spec.template.spec.containers[0].securityContext: '
            f"Invalid value: {SECURITY}: cannot set `allowPrivilegeEscalation` to false and "
            "`privileged` to true",
            'Deployment.apps "x" is invalid: spec.template.spec.containers[0].securityContext: '
            "Invalid value: {...}: cannot set `allowPrivilegeEscalation` to false and "
            "`privileged` to true",
        ),
        # An edit of a claim: a diff over many lines.
        (
            'PersistentVolumeClaim "x" is invalid: spec: Forbidden: spec is immutable after '
            "creation except resources.requests for bound claims\n  core.PersistentVolumeClaimSpec{"
            '\n  \tAccessModes: {"ReadWriteOnce"},\n- \tVolumeName: "a",\n  }',
            'PersistentVolumeClaim "x" is invalid: spec: Forbidden: spec is immutable after '
            "creation except resources.requests for bound claims "
            "core.PersistentVolumeClaimSpec{...}",
        ),
        # A Go value.
        (
            'Service "x" is invalid: spec.selector: Invalid value: '
            'map[string]interface {}{"app":"x"}: must be no such thing',
            'Service "x" is invalid: spec.selector: Invalid value: '
            "map[string]interface {}{...}: must be no such thing",
        ),
        # Several errors, and an object as a text.
        (
            '[spec.a: Required value, spec.b: Invalid value: "{\\"a\\": 1}": is JSON]',
            '[spec.a: Required value, spec.b: Invalid value: "...": is JSON]',
        ),
        # Prose with brackets and braces, and short values, stay.
        *(
            (same, same)
            for same in (
                "regex used for validation is '[a-z0-9]{1,63}(\\.[a-z]+)*'",
                'container "c" must set securityContext.capabilities.drop=["ALL"]',
                "exceeded quota: tight, requested: pods=1, used: pods=3, limited: pods=3",
                "the label {team} of ${NAMESPACE} is missing: {}",
            )
        ),
        # An answer that was cut, and an empty end.
        ('spec.x: Invalid value: {"a": [1, 2', "spec.x: Invalid value: {...}"),
        ("services is forbidden: ", "services is forbidden"),
        (
            f"unknown names {json.dumps(['name-of-something'] * 9)}: choose another",
            "unknown names [...]: choose another",
        ),
    ],
)
def test_the_field_and_the_reason_stay_and_dumped_values_go(message: str, expected: str) -> None:
    assert sentence(message) == expected
    assert Invalid(message).sentence == expected


VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=12,
)
FIELDS = st.from_regex(r"spec(\.[a-z]{1,9}(\[[0-9]\])?){1,5}", fullmatch=True)
PROSE = st.from_regex(r"[a-z]{1,9}( [a-z0-9-]{1,12}){0,8}", fullmatch=True)


@given(FIELDS, st.dictionaries(st.text(min_size=1), VALUES, min_size=1), PROSE)
@budget(ci=200, soak=5000)
def test_of_any_object_that_is_refused_field_and_reason_are_left(
    field: str, value: dict[str, Any], reason: str
) -> None:
    said = sentence(f"{field}: Invalid value: {json.dumps(value)}: {reason}")

    assert said == f"{field}: Invalid value: {{...}}: {reason}"


@given(st.text(alphabet=st.sampled_from('ab:, {}[]"\\\n')) | st.text(max_size=2000))
@budget(ci=500, soak=20000)
def test_any_text_becomes_one_short_line(message: str) -> None:
    said = sentence(message)

    assert len(said) <= LONGEST
    assert said == " ".join(said.split())
    assert '{"' not in said
    assert sentence(said) == said


@given(st.sampled_from('{["'), st.integers(5_000, 50_000))
@budget(ci=20, soak=200)
def test_a_hostile_answer_takes_no_time_that_grows_with_its_square(one: str, count: int) -> None:
    # Read once from begin to end: a second pass over each of them would take minutes here.
    assert len(sentence(one * count)) <= LONGEST
