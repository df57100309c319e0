"""Certificates: OpenSSL's own verification (through ssl) is the judge where it can be."""

import socket
import ssl
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from kopfkit import pki
from kopfkit.errors import KopfkitError

NOW = datetime(2030, 1, 1, tzinfo=UTC)


def parsed(pair: pki.KeyPair) -> x509.Certificate:
    return x509.load_pem_x509_certificate(pair.certificate)


@pytest.fixture(scope="module")
def ca() -> pki.KeyPair:
    return pki.make_ca("test", now=NOW)


def test_a_ca_signs_end_certificates_and_nothing_else(ca: pki.KeyPair) -> None:
    constraints = parsed(ca).extensions.get_extension_for_class(x509.BasicConstraints)
    assert constraints.critical
    assert constraints.value == x509.BasicConstraints(ca=True, path_length=0)
    usage = parsed(ca).extensions.get_extension_for_class(x509.KeyUsage).value
    assert usage.key_cert_sign
    assert not usage.key_encipherment


def test_a_serving_certificate_is_not_a_ca_and_serves_only(ca: pki.KeyPair) -> None:
    extensions = parsed(pki.make_serving_cert(ca, ["a.b.svc"], now=NOW)).extensions
    assert not extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    assert not extensions.get_extension_for_class(x509.KeyUsage).value.key_cert_sign
    purposes = extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(purposes) == [ExtendedKeyUsageOID.SERVER_AUTH]


def test_the_key_identifiers_link_certificate_and_ca(ca: pki.KeyPair) -> None:
    child = parsed(pki.make_serving_cert(ca, ["x"], now=NOW)).extensions
    authority = child.get_extension_for_class(x509.AuthorityKeyIdentifier).value
    subject = parsed(ca).extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    assert authority.key_identifier == subject.digest


def test_a_client_certificate_carries_user_and_groups(ca: pki.KeyPair) -> None:
    subject = parsed(pki.make_client_cert(ca, "admin", ["system:masters", "b"], now=NOW)).subject
    groups = [str(a.value) for a in subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)]
    assert groups == ["system:masters", "b"]
    assert subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value == "admin"


def test_a_name_too_long_for_a_common_name_is_served_all_the_same(ca: pki.KeyPair) -> None:
    name = f"{'a' * 60}.{'b' * 60}.svc"
    pair = pki.make_serving_cert(ca, [name], now=NOW)
    assert pki.serves(pair.certificate, name)
    extension = parsed(pair).extensions.get_extension_for_class(x509.SubjectAlternativeName)
    assert extension.critical  # RFC 5280: the subject is empty


def test_a_serving_certificate_needs_a_name(ca: pki.KeyPair) -> None:
    with pytest.raises(KopfkitError, match="neither a DNS name nor an IP"):
        pki.make_serving_cert(ca, [], now=NOW)


def test_validity_begins_a_little_before_now_and_ends_as_asked(ca: pki.KeyPair) -> None:
    pair = pki.make_serving_cert(ca, ["x"], now=NOW, lifetime=timedelta(days=2))
    assert parsed(pair).not_valid_before_utc == NOW - pki.BACKDATE
    assert pki.expiry(pair.certificate) == NOW + timedelta(days=2)


def test_renewal_is_due_after_two_thirds_of_the_life(ca: pki.KeyPair) -> None:
    pair = pki.make_serving_cert(ca, ["x"], now=NOW, lifetime=timedelta(days=3))
    assert not pki.renewal_due(pair.certificate, now=NOW + timedelta(days=1, hours=23))
    assert pki.renewal_due(pair.certificate, now=NOW + timedelta(days=2))


def test_another_ca_of_the_same_name_did_not_issue_it(ca: pki.KeyPair) -> None:
    pair = pki.make_serving_cert(ca, ["x"], now=NOW)
    assert pki.issued_by(pair.certificate, ca.certificate)
    assert not pki.issued_by(pair.certificate, pki.make_ca("test", now=NOW).certificate)


def test_a_key_of_another_certificate_does_not_match(ca: pki.KeyPair) -> None:
    one, two = (pki.make_serving_cert(ca, ["x"], now=NOW) for _ in range(2))
    assert pki.key_matches(one)
    assert not pki.key_matches(pki.KeyPair(one.certificate, two.key))
    assert not pki.key_matches(pki.KeyPair(one.certificate, b"junk"))


@pytest.mark.parametrize("junk", [b"", b"junk", b"-----BEGIN CERTIFICATE-----\n"])
def test_junk_is_refused_by_name(junk: bytes) -> None:
    with pytest.raises(KopfkitError, match="not a PEM certificate"):
        pki.expiry(junk)


def test_a_private_key_never_shows_in_a_repr(ca: pki.KeyPair) -> None:
    assert "PRIVATE" not in repr(ca)


@pytest.mark.parametrize(("name", "accepted"), [("localhost", True), ("elsewhere", False)])
def test_openssl_accepts_the_chain_for_its_names_only(
    tmp_path: Path, name: str, accepted: bool
) -> None:
    now = datetime.now(UTC)
    ca = pki.make_ca("test", now=now)
    pair = pki.make_serving_cert(ca, ["localhost"], ["127.0.0.1"], now=now)
    (tmp_path / "pair.pem").write_bytes(pair.certificate + pair.key)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(tmp_path / "pair.pem")
    client = ssl.create_default_context(cadata=ca.certificate.decode())
    if hasattr(ssl, "VERIFY_X509_STRICT"):
        client.verify_flags |= ssl.VERIFY_X509_STRICT  # the default from Python 3.13 on
    left, right = socket.socketpair()

    def serve() -> None:
        try:
            with server.wrap_socket(right, server_side=True) as peer:
                peer.sendall(b"hello")
        except OSError:
            right.close()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        with client.wrap_socket(left, server_hostname=name) as tls:
            assert tls.recv(5) == b"hello"
        met = True
    except ssl.SSLCertVerificationError:
        met = False
    finally:
        left.close()
        thread.join()
    assert met is accepted
