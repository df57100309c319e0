"""Which image runs: every step of an upgrade that goes well or does not."""

import pytest

from helloworld_operator.controller.images import IMAGES, token
from kopfkit.controller.images import Running, Step, is_own, step

OLD, NEW, THIRD = "hello:1", "hello:2", "hello:3"


def on(image: str, *, complete: bool = False, stuck: str = "") -> Running:
    return Running(image, complete, stuck, "1")


@pytest.mark.parametrize("persistent", [False, True])
@pytest.mark.parametrize(
    ("wished", "good", "rejected", "found", "expected"),
    [
        # The first rollout has nothing to go back to.
        (NEW, None, None, None, Step(NEW, None, None)),
        (NEW, None, None, on(NEW, stuck="deadline"), Step(NEW, None, None)),
        (NEW, None, None, on(NEW, complete=True), Step(NEW, NEW, None)),
        (NEW, NEW, None, on(NEW, complete=True), Step(NEW, NEW, None)),
        # On its way, done, given up: first told, then turned back.
        (NEW, OLD, None, on(NEW), Step(NEW, OLD, None)),
        (NEW, OLD, None, on(NEW, complete=True), Step(NEW, NEW, None)),
        (NEW, OLD, None, on(NEW, stuck="deadline"), Step(NEW, OLD, NEW, why="deadline")),
        (NEW, OLD, NEW, on(NEW, stuck="deadline"), Step(OLD, OLD, NEW)),
        (NEW, OLD, NEW, on(OLD), Step(OLD, OLD, NEW)),
        (NEW, OLD, NEW, on(OLD, complete=True), Step(OLD, OLD, NEW)),
        (NEW, OLD, NEW, None, Step(OLD, OLD, NEW)),
        # The old one is wished again: the rejection is forgotten.
        (OLD, OLD, NEW, on(NEW), Step(OLD, OLD, None)),
        # Another wish while an exchange was on its way: the old one was left already.
        (THIRD, OLD, None, on(NEW), Step(THIRD, OLD, None)),
    ],
)
def test_the_image_of_the_next_step(
    wished: str,
    good: str | None,
    rejected: str | None,
    found: Running | None,
    expected: Step,
    persistent: bool,
) -> None:
    assert step(wished, good, rejected, found, persistent=persistent) == expected


@pytest.mark.parametrize(
    ("rejected", "found"),
    [(None, on(OLD, complete=True)), (THIRD, on(OLD, complete=True)), (None, None)],
)
def test_with_a_volume_the_old_image_stays_until_there_is_a_snapshot(
    rejected: str | None, found: Running | None
) -> None:
    assert step(NEW, OLD, rejected, found, persistent=True) == Step(OLD, OLD, None, snapshot=True)
    assert step(NEW, OLD, rejected, found, persistent=False) == Step(NEW, OLD, None)


def deployment(**status: object) -> dict[str, object]:
    containers = [{"name": "sidecar", "image": "x"}, {"name": "greeting", "image": NEW}]
    return {
        "metadata": {
            "generation": 3,
            "annotations": {"deployment.kubernetes.io/revision": "7"},
        },
        "spec": {"replicas": 2, "template": {"spec": {"containers": containers}}},
        "status": {"observedGeneration": 3, **status},
    }


def test_a_deployment_is_complete_when_all_its_pods_run_the_image_and_are_available() -> None:
    full = {"replicas": 2, "updatedReplicas": 2, "availableReplicas": 2}

    assert IMAGES.running(deployment(**full)) == Running(NEW, True, "", "7")
    for less in full:
        found = IMAGES.running(deployment(**{**full, less: 1}))
        assert found == Running(NEW, False, "", "7")


def test_what_a_deployment_says_about_the_template_before_does_not_count() -> None:
    gone = {"type": "Progressing", "status": "False", "message": "deadline"}
    late = deployment(observedGeneration=2, conditions=[gone])

    assert IMAGES.running(late) == Running(NEW)
    assert IMAGES.running(deployment(conditions=[gone])) == Running(
        NEW, stuck="deadline", revision="7"
    )


def test_no_pods_prove_no_image() -> None:
    asleep = deployment(replicas=0, updatedReplicas=0, availableReplicas=0)
    asleep["spec"]["replicas"] = 0  # type: ignore[index]

    found = IMAGES.running(asleep)
    assert found is not None
    assert not found.complete


def test_a_snapshot_belongs_to_one_upgrade_and_to_all_its_tries() -> None:
    one = token("u", OLD, NEW, "1")

    assert one == token("u", OLD, NEW, "1")
    others = [
        ("v", OLD, NEW, "1"),
        ("u", NEW, OLD, "1"),
        ("u", OLD, THIRD, "1"),
        ("u", OLD, NEW, "2"),
    ]
    assert len({one, *(token(*other) for other in others)}) == 5


@pytest.mark.parametrize(
    ("image", "wished", "own"),
    [
        ("r:5000/hello@sha256:abc", None, True),
        ("r:5000/hello:2", None, True),
        ("r:5000/hello:1", None, True),
        # Going back from a named image to ours, and from ours to a named one.
        ("r:5000/hello:2", "other:1", True),
        ("other:1", None, False),
        # Named in the spec: its arguments are its own matter.
        ("r:5000/hello:2", "r:5000/hello:2", False),
        ("r:5000/hello-2:2", None, False),
        ("hello:2", None, False),
    ],
)
def test_an_image_is_the_operators_own_whatever_its_release(
    image: str, wished: str | None, own: bool
) -> None:
    assert is_own(image, wished, "r:5000/hello:2") is own
