"""The objects that `kopfkit subscribe` writes."""

import re

from kopfkit.olm import olmobjects

DIGEST = "registry/catalog@sha256:" + "a" * 64


def test_another_catalog_image_gets_another_catalog_source() -> None:
    other = DIGEST.replace("a" * 64, "b" * 64)
    names = [olmobjects.catalog_name("hello", image) for image in (DIGEST, other)]
    assert len(set(names)) == 2
    assert olmobjects.catalog_name("hello", DIGEST) == names[0]


def test_a_catalog_source_of_a_long_package_still_has_a_label_for_a_name() -> None:
    name = olmobjects.catalog_name("h" * 80, DIGEST)
    assert re.fullmatch(r"[a-z]([a-z0-9-]{0,61}[a-z0-9])?", name)


def test_the_operator_group_is_for_all_namespaces_or_those_that_are_named() -> None:
    assert olmobjects.operator_group("hello", "ns")["spec"] == {}
    named = olmobjects.operator_group("hello", "ns", ["b", "a"])
    assert named["spec"] == {"targetNamespaces": ["a", "b"]}


def test_a_starting_csv_is_in_the_subscription_only_if_it_is_named() -> None:
    def spec(start: str | None) -> dict[str, object]:
        found: dict[str, object] = olmobjects.subscription(
            "hello",
            "ns",
            channel="stable",
            source="hello-1",
            source_namespace="ns",
            starting_csv=start,
        )["spec"]
        return found

    assert "startingCSV" not in spec(None)
    assert spec("hello.v0.1.0")["startingCSV"] == "hello.v0.1.0"


def test_only_what_kopfkit_made_is_ours() -> None:
    assert olmobjects.is_ours(olmobjects.operator_group("hello", "ns"))
    assert not olmobjects.is_ours({"metadata": {"name": "hello"}})
