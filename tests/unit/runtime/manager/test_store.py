"""The store of last seen objects."""

from typing import Any

from kopfkit.runtime.manager.store import Store


def obj(name: str = "x", version: int = 1, **metadata: Any) -> dict[str, Any]:
    return {
        "metadata": {
            "namespace": "ns",
            "name": name,
            "resourceVersion": str(version),
            **metadata,
        }
    }


KEY = ("ns", "x")


def test_the_higher_version_wins_whatever_the_order() -> None:
    store = Store()
    assert store.put(obj(version=9))
    assert not store.put(obj(version=10 - 1))
    assert not store.put(obj(version=8))
    assert store.put(obj(version=10))
    assert store.get(KEY) == obj(version=10)


def test_a_late_answer_does_not_bring_a_deleted_object_back() -> None:
    store = Store()
    store.put(obj(version=5))
    assert store.drop(obj(version=7))
    assert not store.put(obj(version=6))
    assert store.get(KEY) is None


def test_what_was_forgotten_does_not_come_back_by_a_late_event() -> None:
    store = Store()
    store.put(obj(version=5))
    assert store.forget(KEY)
    assert not store.put(obj(version=5))
    assert store.put(obj(version=6))


def test_an_object_made_again_is_taken_in() -> None:
    store = Store()
    store.put(obj(version=5))
    store.drop(obj(version=7))
    assert store.put(obj(version=8))


def test_a_replayed_deletion_does_not_remove_a_newer_object() -> None:
    store = Store()
    store.put(obj(version=9))
    assert not store.drop(obj(version=7))
    assert store.get(KEY) is not None


def test_a_list_removes_what_vanished_and_keeps_what_is_newer_than_the_list() -> None:
    store = Store()
    for name, version in (("same", 3), ("vanished", 4), ("changed", 5), ("newer", 20)):
        store.put(obj(name, version))

    changed = store.replace([obj("same", 3), obj("changed", 6), obj("came", 7)], "10")

    assert changed == {("ns", "vanished"), ("ns", "changed"), ("ns", "came")}
    assert sorted(key[1] for key in store.known()) == ["came", "changed", "newer", "same"]


def test_a_list_of_one_namespace_says_nothing_about_others() -> None:
    store = Store()
    store.put(obj())

    assert store.replace([], "10", within="other") == set()
    assert store.get(KEY) is not None


def test_managed_fields_are_not_kept_and_the_given_object_stays_as_it_is() -> None:
    store = Store()
    given = obj(managedFields=[{"manager": "m"}])
    store.put(given)

    kept = store.get(KEY)
    assert kept is not None
    assert "managedFields" not in kept["metadata"]
    assert "managedFields" in given["metadata"]
