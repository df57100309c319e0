"""The certificates of a webhook that runs on this machine.

They are kept, so that a second run has the same CA: the CRD still names it from the last run, and
conversion works from the moment the webhook listens.
"""

from dataclasses import dataclass
from datetime import datetime
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509

from kopfkit import pki
from kopfkit.errors import KopfkitError
from kopfkit.host import files


@dataclass(frozen=True)
class Serving:
    """What a webhook serves with and what its client trusts.

    Attributes:
        ca: the CA's certificate, PEM.
        directory: has tls.crt and tls.key.
    """

    ca: bytes
    directory: Path


def ensure(directory: Path, host: str, *, now: datetime) -> Serving:
    """The certificates in `directory`, made anew where they are missing, damaged, for another host
    or past two thirds of their life.

    Args:
        directory: where they are kept, readable by this user only.
        host: DNS name or IP address that the API server calls.
        now: an aware datetime.
    """
    serving = directory / "serving"
    ca = _load(directory / "ca.crt", directory / "ca.key")
    if ca is None or pki.renewal_due(ca.certificate, now=now):
        ca = pki.make_ca("kopfkit run local", now=now)
        _save(ca, directory / "ca.crt", directory / "ca.key")
    pair = _load(serving / "tls.crt", serving / "tls.key")
    if pair is None or not _fits(pair, ca, host, now):
        address = _address(host)
        names, ips = ([], [address]) if address else ([host], [])
        pair = pki.make_serving_cert(ca, names, ips, now=now)
        _save(pair, serving / "tls.crt", serving / "tls.key")
    return Serving(ca.certificate, serving)


def _fits(pair: pki.KeyPair, ca: pki.KeyPair, host: str, now: datetime) -> bool:
    return (
        pki.issued_by(pair.certificate, ca.certificate)
        and not pki.renewal_due(pair.certificate, now=now)
        and _names(pair.certificate, host)
    )


def _names(certificate: bytes, host: str) -> bool:
    address = _address(host)
    if not address:
        return pki.serves(certificate, host)
    parsed = x509.load_pem_x509_certificate(certificate)
    names = parsed.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return ip_address(address) in names.get_values_for_type(x509.IPAddress)


def _address(host: str) -> str | None:
    try:
        return str(ip_address(host))
    except ValueError:
        return None


def _load(certificate: Path, key: Path) -> pki.KeyPair | None:
    """The pair in two files; None if they are missing or no pair."""
    try:
        pair = pki.KeyPair(certificate.read_bytes(), key.read_bytes())
        return pair if pki.key_matches(pair) else None
    except (OSError, KopfkitError):
        return None


def _save(pair: pki.KeyPair, certificate: Path, key: Path) -> None:
    files.write(key, pair.key)
    files.write(certificate, pair.certificate)
