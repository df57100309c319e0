"""Versions, image references and channels: what is taken and what is refused."""

import pytest
import semver
from hypothesis import given
from hypothesis import strategies as st

from kopfkit.packaging.inputs import check_channel, check_image, check_version, split_image
from kopfkit.project import Faults

DIGEST = "sha256:" + "a" * 64


def why(check: object, value: object) -> str:
    """The fault that a check finds in a value, or ""."""
    faults = Faults("test")
    assert callable(check)
    assert check(faults, "place", value) is not bool(faults.found)
    return faults.found[0][1] if faults.found else ""


@pytest.mark.parametrize("version", ["0.1.0", "1.0.0", "1.2.3-rc.1", "10.20.30", "1.0.0-0a"])
def test_a_semantic_version_is_taken(version: str) -> None:
    assert why(check_version, version) == ""


@pytest.mark.parametrize(
    "version", ["", "1", "1.2", "01.2.3", "1.2.3-01", "1.2.3\n", "latest", 1.0]
)
def test_what_is_no_semantic_version_is_refused(version: object) -> None:
    assert "is not a semantic version" in why(check_version, version)


def test_a_leading_v_is_refused_with_a_hint() -> None:
    assert "leave the v out" in why(check_version, "v0.1.0")


def test_build_metadata_is_refused_because_no_tag_can_carry_it() -> None:
    assert "build metadata" in why(check_version, "0.1.0+linux")


@given(st.text(st.sampled_from("0123456789.-+abrcv "), max_size=16))
def test_versions_are_judged_as_the_semver_library_does(text: str) -> None:
    assert (why(check_version, text) == "") == (
        semver.Version.is_valid(text) and "+" not in text and text.isascii()
    )


@pytest.mark.parametrize(
    "image",
    [
        "localhost:5001/helloworld-operator:v0.1.0",
        "quay.io/me/op:1",
        "op:1",
        f"quay.io/me/op@{DIGEST}",
        f"quay.io/me/op:v1@{DIGEST}",
        "registry.example.com:443/a/b/c__d:T_1.x-y",
    ],
)
def test_an_image_reference_is_taken(image: str) -> None:
    assert why(check_image, image) == ""
    name, tag, digest = split_image(image)
    assert image == name + (f":{tag}" if tag else "") + (f"@{digest}" if digest else "")


@pytest.mark.parametrize(
    "image",
    [
        "",
        "quay.io/UPPER:1",
        "a b:1",
        "a:1\n",
        "https://quay.io/a:1",
        "a@sha256:12",
        ":1",
        "a/:1",
        None,
    ],
)
def test_what_is_no_image_reference_is_refused(image: object) -> None:
    assert "is not an image reference" in why(check_image, image)


def test_an_image_without_tag_or_digest_is_refused() -> None:
    assert "neither tag nor digest" in why(check_image, "quay.io/me/op")


@pytest.mark.parametrize("channel", ["stable", "candidate", "stable-1.2", "v1"])
def test_a_channel_name_is_taken(channel: str) -> None:
    assert why(check_channel, channel) == ""


@pytest.mark.parametrize("channel", ["", "Stable", "a,b", "a b", "-a", "a-", "a" * 64, None])
def test_what_is_no_channel_name_is_refused(channel: object) -> None:
    assert "is not a channel name" in why(check_channel, channel)
