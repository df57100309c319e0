"""What a conversion server tells an observer, and until when a certificate is valid."""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from kopfkit import pki
from kopfkit.conversion import Converter, Spoke, answer
from kopfkit.conversion.observation import Counts
from kopfkit.conversion.tls import ServingCertificate
from kopfkit.conversion.validity import valid_until

CONVERTER = Converter(
    group="example.com",
    kind="Box",
    hub="v2",
    spokes=[Spoke("v1", to_hub=lambda content: content, from_hub=lambda content: content)],
    annotation="example.com/kept",
)


def counts(*versions: Any, desired: str = "example.com/v2") -> Counts:
    """The tally of a review of objects that state these versions."""
    import msgspec

    objects = [
        {"apiVersion": version, "kind": "Box", "metadata": {"name": "a"}} for version in versions
    ]
    body = {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "ConversionReview",
        "request": {"uid": "u", "desiredAPIVersion": desired, "objects": objects},
    }
    return answer(msgspec.json.encode(body), CONVERTER).counts


def test_objects_are_counted_by_versions() -> None:
    found = counts("example.com/v1", "example.com/v1", "example.com/v2")
    assert found == {("v1", "v2", True): 2, ("v2", "v2", True): 1}


def test_an_object_that_fails_is_counted_apart_and_what_it_states_is_not_kept() -> None:
    found = counts("example.com/v1", "example.com/v999", 7)
    assert found == {("v1", "v2", True): 1, ("unknown", "v2", False): 2}


def test_a_review_that_is_refused_as_a_whole_counts_no_object() -> None:
    assert counts("example.com/v1", desired="example.com/v999") == {}


@pytest.mark.parametrize("days", [1, 730, 40_000])
def test_the_end_of_a_certificate_is_read_as_cryptography_reads_it(days: int) -> None:
    from cryptography import x509

    now = datetime.now(UTC)
    ca = pki.make_ca("test", now=now)
    pair = pki.make_serving_cert(
        ca, ["x" * 60 + ".example.com"], now=now, lifetime=timedelta(days=days)
    )
    expected = x509.load_pem_x509_certificate(pair.certificate).not_valid_after_utc
    assert valid_until(pair.certificate.decode()) == expected.timestamp()
    assert valid_until("first some words\n" + pair.certificate.decode()) == expected.timestamp()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "no certificate",
        "-----BEGIN CERTIFICATE-----\nMA==\n-----END CERTIFICATE-----",
        "-----BEGIN CERTIFICATE-----\nMIIC\n-----END CERTIFICATE-----",
        "-----BEGIN CERTIFICATE-----\nMAUwAwIBAQ==\n-----END CERTIFICATE-----",
        "-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----",
    ],
)
def test_what_is_no_certificate_has_no_end(text: str) -> None:
    assert valid_until(text) == 0.0


async def test_each_pair_that_is_taken_up_is_told(tmp_path: Path) -> None:
    told: list[float] = []
    now = datetime.now(UTC)
    ca = pki.make_ca("test", now=now)
    certificate = ServingCertificate(tmp_path, loaded=told.append)
    for days in (1, 2):
        pair = pki.make_serving_cert(ca, ["a"], now=now, lifetime=timedelta(days=days))
        (tmp_path / "tls.crt").write_bytes(pair.certificate)
        (tmp_path / "tls.key").write_bytes(pair.key)
        assert certificate.look()
        assert not certificate.look()
    (tmp_path / "tls.crt").write_text("broken")
    assert not certificate.look()
    await asyncio.sleep(0)

    assert len(told) == 2
    assert told[1] - told[0] == 86400
