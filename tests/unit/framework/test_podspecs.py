"""Pods without privileges, and Jobs that run once."""

from typing import Any

from kopfkit.controller import one_shot, restricted_container, restricted_pod

CONTAINER = restricted_container("copy", "i:1", args=["x"])
VOLUME = {"name": "data", "emptyDir": {}}


def test_no_field_takes_away_what_makes_a_container_restricted() -> None:
    tried = restricted_container("copy", "i:1", securityContext={"privileged": True})
    assert tried["securityContext"] == CONTAINER["securityContext"]
    assert CONTAINER["args"] == ["x"]


def test_what_is_on_a_fresh_volume_belongs_to_the_pods_group() -> None:
    plain, pod = restricted_pod(CONTAINER), restricted_pod(CONTAINER, volumes=[VOLUME])
    assert pod["securityContext"]["fsGroup"] == pod["securityContext"]["runAsGroup"]
    assert "fsGroup" not in plain["securityContext"]
    assert "volumes" not in plain


def test_a_job_ends_at_once_where_its_command_says_so_and_not_by_a_drained_node() -> None:
    def rules(**more: Any) -> list[Any]:
        made = one_shot({"name": "x"}, restricted_pod(CONTAINER), {"app": "x"}, **more)
        found: list[Any] = made["spec"]["podFailurePolicy"]["rules"]
        return found

    assert [rule["action"] for rule in rules()] == ["Ignore"]
    first, second = rules(final=3)
    assert first["onExitCodes"] == {"containerName": "copy", "operator": "In", "values": [3]}
    assert (first["action"], second["action"]) == ("FailJob", "Ignore")


def test_a_job_and_its_pods_have_the_labels() -> None:
    metadata = {"name": "x", "labels": {"mine": "1"}}
    made = one_shot(metadata, restricted_pod(CONTAINER), {"app": "x"})
    assert made["metadata"]["labels"] == {"mine": "1", "app": "x"}
    assert made["spec"]["template"]["metadata"]["labels"] == {"app": "x"}
