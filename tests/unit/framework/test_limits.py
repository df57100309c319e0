"""What a Job's container asks for in a namespace with limits: a model of the API server's own rules
says whether its pod is taken."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from budgets import budget
from kopfkit.controller.limits import NAMES, fitted
from kopfkit.quantities import parse_quantity

OWN = {"requests": {"cpu": "10m", "memory": "32Mi"}, "limits": {"memory": "128Mi"}}


def limit_range(kind: str = "Container", **fields: Any) -> Any:
    return {"spec": {"limits": [{"type": kind, **fields}]}}


def quota(*names: str) -> Any:
    return {"spec": {"hard": dict.fromkeys(names, "100Gi")}}


@pytest.mark.parametrize(
    ("ranges", "quotas", "expected"),
    [
        ([], [], OWN),
        (
            [limit_range(max={"memory": "64Mi"})],
            [],
            {"requests": OWN["requests"], "limits": {"memory": "67108864"}},
        ),
        (
            [limit_range("Pod", min={"memory": "256Mi"})],
            [],
            {"requests": {"cpu": "10m", "memory": "268435456"}, "limits": {"memory": "268435456"}},
        ),
        # What is needed stays; what is promised is raised to it.
        (
            [limit_range(maxLimitRequestRatio={"memory": "2"})],
            [],
            {"requests": {"cpu": "10m", "memory": "67108864"}, "limits": OWN["limits"]},
        ),
        ([], [quota("limits.cpu")], {**OWN, "limits": {"cpu": "200m", "memory": "128Mi"}}),
        ([limit_range("PersistentVolumeClaim", max={"memory": "1"})], [quota("pods")], OWN),
    ],
)
def test_it_changes_as_little_as_the_namespace_demands(
    ranges: Any, quotas: Any, expected: Any
) -> None:
    made = fitted(OWN, ranges, quotas)

    for kind in ("requests", "limits"):
        numbers = {name: parse_quantity(text) for name, text in made[kind].items()}
        assert numbers == {name: parse_quantity(text) for name, text in expected[kind].items()}


def test_what_no_copy_needs_is_left_out() -> None:
    gpus = {"limits": {"cpu": 1, "nvidia.com/gpu": "1"}}

    assert fitted(gpus, [], []) == {"requests": {"cpu": "1"}, "limits": {"cpu": "1"}}


AMOUNTS = st.integers(1, 64).map(lambda number: f"{number * 8}Mi")
SOME = st.dictionaries(st.sampled_from(NAMES), AMOUNTS, max_size=3)


@st.composite
def ranges(draw: Any) -> Any:
    """A LimitRange that the API server takes: min <= default <= max."""
    item: dict[str, Any] = {"type": draw(st.sampled_from(["Container", "Pod"]))}
    for name in draw(st.sets(st.sampled_from(NAMES))):
        low, middle, high = sorted(draw(st.tuples(*[st.integers(1, 64)] * 3)))
        fields = {"min": low, "max": high, "default": middle, "defaultRequest": low}
        if item["type"] == "Pod":
            fields = {"min": low, "max": high}
        for field in draw(st.sets(st.sampled_from(sorted(fields)))):
            item.setdefault(field, {})[name] = f"{fields[field] * 8}Mi"
        if draw(st.booleans()):
            item.setdefault("maxLimitRequestRatio", {})[name] = str(draw(st.integers(1, 4)))
    return {"spec": {"limits": [item]}}


def refusals(pod: Any, item: Any) -> list[str]:
    """Why the LimitRanger would not take a pod with these resources (limitranger/admission.go)."""
    found = []
    for name in NAMES:
        request, limit = (pod[kind].get(name) for kind in ("requests", "limits"))
        low, high, ratio = (
            parse_quantity(item.get(field, {}).get(name, ""))
            for field in ("min", "max", "maxLimitRequestRatio")
        )
        if low is not None and (request is None or request < low or (limit or low) < low):
            found.append(f"min {name}")
        if high is not None and (limit is None or limit > high or (request or high) > high):
            found.append(f"max {name}")
        if ratio is not None and (not request or not limit or limit / request > ratio):
            found.append(f"ratio {name}")
    return found


@budget(ci=150, soak=20000)
@given(SOME, SOME, ranges(), st.sets(st.sampled_from([f"limits.{name}" for name in NAMES])))
def test_a_namespace_takes_what_is_fitted_to_it(
    requests: Any, limits: Any, one: Any, counted: Any
) -> None:
    made = fitted({"requests": requests, "limits": limits}, [one], [quota(*counted)])
    pod: dict[str, dict[str, Decimal]] = {"requests": {}, "limits": {}}
    for kind, amounts in made.items():
        pod[kind] = {name: parse_quantity(text) or Decimal(0) for name, text in amounts.items()}

    assert refusals(pod, one["spec"]["limits"][0]) == []
    assert all(name.removeprefix("limits.") in pod["limits"] for name in counted)
    for name, request in pod["requests"].items():
        assert request <= pod["limits"].get(name, request)
    # Nothing to fit to: as it was.
    assert fitted(made, [one], [quota(*counted)]) == made
