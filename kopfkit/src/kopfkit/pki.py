"""Certificates for one operator or one test cluster: a CA of our own, what it signs, and when it
ends. The control plane here and the certificate rotator in the cluster use the same functions.

Keys are ECDSA P-256: every Kubernetes component and Go's TLS accept it, and a signature costs a
tenth of RSA's. No function reads the clock; the caller passes `now`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import ip_address

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from kopfkit.errors import KopfkitError

# A clock that is a little behind ours must not find the certificate "not yet valid".
BACKDATE = timedelta(minutes=5)
CA_LIFETIME = timedelta(days=3650)
LIFETIME = timedelta(days=365)


@dataclass(frozen=True)
class KeyPair:
    """A certificate and its private key, both PEM."""

    certificate: bytes
    key: bytes

    def __repr__(self) -> str:
        return "KeyPair(certificate=..., key=...)"  # a private key has no place in a log


def make_ca(common_name: str, *, now: datetime, lifetime: timedelta = CA_LIFETIME) -> KeyPair:
    """A self-signed CA, valid from shortly before `now` (an aware datetime) until now + lifetime.

    It may sign end certificates only (path length 0).
    """
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
    builder = (
        _builder(name, name, key.public_key(), now, lifetime)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs_certificates=True), critical=True)
    )
    return _pair(builder.sign(key, hashes.SHA256()), key)


def make_serving_cert(
    ca: KeyPair,
    dns_names: Sequence[str],
    ips: Sequence[str] = (),
    *,
    now: datetime,
    lifetime: timedelta = LIFETIME,
) -> KeyPair:
    """A TLS server certificate for `dns_names` and `ips`, signed by `ca`; at least one is needed.

    The names are in the subject alternative name; Go ignores the common name, which is limited to
    64 characters and so only carries the first name where it fits.
    """
    names: list[x509.GeneralName] = [x509.DNSName(name) for name in dns_names]
    names += [x509.IPAddress(ip_address(ip)) for ip in ips]
    if not names:
        raise KopfkitError("serving certificate", "has neither a DNS name nor an IP address")
    first = [*dns_names, *ips][0]
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, first)] if len(first) < 65 else [])
    # RFC 5280 4.2.1.6: the alternative name is critical where the subject is empty.
    extension = x509.SubjectAlternativeName(names), not len(subject.rdns)
    return _signed(ca, subject, ExtendedKeyUsageOID.SERVER_AUTH, now, lifetime, extension)


def make_client_cert(
    ca: KeyPair,
    common_name: str,
    organizations: Sequence[str] = (),
    *,
    now: datetime,
    lifetime: timedelta = LIFETIME,
) -> KeyPair:
    """A TLS client certificate: Kubernetes reads the user from the common name and the groups from
    the organizations."""
    attributes = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, name) for name in organizations]
    attributes.append(x509.NameAttribute(NameOID.COMMON_NAME, common_name))
    return _signed(ca, x509.Name(attributes), ExtendedKeyUsageOID.CLIENT_AUTH, now, lifetime)


def make_signing_key() -> tuple[bytes, bytes]:
    """A private and a public key, PEM, for service-account tokens."""
    key = ec.generate_private_key(ec.SECP256R1())
    public = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return _private_pem(key), public


def expiry(certificate: bytes) -> datetime:
    """When the first certificate of the PEM text stops being valid (UTC, aware).

    Raises KopfkitError if it is not a certificate.
    """
    return _parse(certificate).not_valid_after_utc


def renewal_due(certificate: bytes, *, now: datetime) -> bool:
    """Whether two thirds of the certificate's life are over: the usual time to renew it, so that a
    third is left for whatever keeps the renewal from working."""
    parsed = _parse(certificate)
    life = parsed.not_valid_after_utc - parsed.not_valid_before_utc
    return now >= parsed.not_valid_before_utc + life * 2 / 3


def issued_by(certificate: bytes, ca: bytes) -> bool:
    """Whether the certificate's signature is the CA's. Raises KopfkitError if one is no PEM."""
    child, parent = _parse(certificate), _parse(ca)
    try:
        child.verify_directly_issued_by(parent)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def serves(certificate: bytes, dns_name: str) -> bool:
    """Whether the certificate names `dns_name` literally (wildcards are not looked at)."""
    try:
        names = _parse(certificate).extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except x509.ExtensionNotFound:
        return False
    return dns_name in names.value.get_values_for_type(x509.DNSName)


def key_matches(pair: KeyPair) -> bool:
    """Whether the private key belongs to the certificate; False also for a key that is no PEM."""
    try:
        key = serialization.load_pem_private_key(pair.key, None)
    except (ValueError, TypeError):
        return False
    return key.public_key() == _parse(pair.certificate).public_key()


def _signed(
    ca: KeyPair,
    subject: x509.Name,
    purpose: x509.ObjectIdentifier,
    now: datetime,
    lifetime: timedelta,
    *extensions: tuple[x509.ExtensionType, bool],
) -> KeyPair:
    issuer = _parse(ca.certificate)
    issuer_key = serialization.load_pem_private_key(ca.key, None)
    if not isinstance(issuer_key, ec.EllipticCurvePrivateKey):
        raise KopfkitError("CA", "its key is not an elliptic-curve key")
    key = ec.generate_private_key(ec.SECP256R1())
    issuer_id = issuer.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    builder = (
        _builder(subject, issuer.subject, key.public_key(), now, lifetime)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([purpose]), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(issuer_id),
            critical=False,
        )
    )
    for extension, critical in extensions:
        builder = builder.add_extension(extension, critical)
    return _pair(builder.sign(issuer_key, hashes.SHA256()), key)


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    public_key: ec.EllipticCurvePublicKey,
    now: datetime,
    lifetime: timedelta,
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - BACKDATE)
        .not_valid_after(now + lifetime)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
    )


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _parse(certificate: bytes) -> x509.Certificate:
    try:
        return x509.load_pem_x509_certificate(certificate)
    except ValueError as error:
        raise KopfkitError("certificate", "is not a PEM certificate") from error


def _pair(certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> KeyPair:
    return KeyPair(certificate.public_bytes(serialization.Encoding.PEM), _private_pem(key))


def _private_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    # SEC1 ("EC PRIVATE KEY"), which every Go program reads, the controller manager included.
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.TraditionalOpenSSL,
        serialization.NoEncryption(),
    )
