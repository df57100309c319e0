"""The state file: what survives of it after any damage."""

import json

import pytest

from kopfkit.host import paths, state
from kopfkit.host.state import ClusterState


def saved() -> ClusterState:
    made = ClusterState("kopfkit", "kind", "/k", registry="localhost:5001", ready=True)
    made.save()
    return made


def test_what_is_saved_is_loaded() -> None:
    made = saved()
    assert state.load("kopfkit") == made


def test_no_state_is_none() -> None:
    assert state.load("kopfkit") is None
    assert not state.exists("kopfkit")


def test_a_state_file_cut_anywhere_is_like_none() -> None:
    saved()
    file = paths.state_dir("kopfkit") / "state.json"
    whole = file.read_text().rstrip()
    for length in range(len(whole)):
        file.write_text(whole[:length])
        assert state.load("kopfkit") is None
        assert state.exists("kopfkit")


@pytest.mark.parametrize(
    "record",
    [
        [],
        None,
        "text",
        {},
        {"name": "kopfkit"},
        {"name": "other", "kind": "kind", "kubeconfig": "/k"},
        {"name": "kopfkit", "kind": "nonsense", "kubeconfig": "/k"},
        {"name": "kopfkit", "kind": "kind", "kubeconfig": 3},
        {"name": "kopfkit", "kind": ["kind"], "kubeconfig": "/k"},
    ],
)
def test_a_state_that_makes_no_sense_is_like_none(record: object) -> None:
    saved()
    (paths.state_dir("kopfkit") / "state.json").write_text(json.dumps(record))
    assert state.load("kopfkit") is None


def test_a_field_of_a_newer_version_is_passed_over() -> None:
    saved()
    file = paths.state_dir("kopfkit") / "state.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), "later": 1}))
    assert state.load("kopfkit") is not None


def test_removing_leaves_nothing() -> None:
    saved()
    state.remove("kopfkit")
    state.remove("kopfkit")
    assert not state.exists("kopfkit")
