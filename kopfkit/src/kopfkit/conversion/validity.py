"""Until when a certificate is valid, read from its PEM text.

The standard library tells this only of a peer's certificate, and a package that parses X.509 costs
the webhook a quarter of its memory. What is needed is one date at a fixed place (RFC 5280, 4.1:
tbsCertificate = version, serialNumber, signature, issuer, validity, ...), so this walks five
elements of DER (X.690) and nothing more.
"""

import ssl
from datetime import UTC, datetime
from typing import Final

_END: Final = "-----END CERTIFICATE-----"
_VERSION: Final = 0xA0  # [0] EXPLICIT, absent in a version 1 certificate
_UTC_TIME: Final = 0x17


def valid_until(pem: str) -> float:
    """Unix time of notAfter of the first certificate; 0.0 for a text that cannot be understood."""
    try:
        start = pem.index("-----BEGIN CERTIFICATE-----")
        der = ssl.PEM_cert_to_DER_cert(pem[start : pem.index(_END, start) + len(_END)])
        _, certificate, _ = _element(der)
        _, body, _ = _element(certificate)
        if body[0] == _VERSION:
            body = _element(body)[2]
        for _skipped in ("serialNumber", "signature", "issuer"):
            body = _element(body)[2]
        _, validity, _ = _element(body)
        tag, text, _ = _element(_element(validity)[2])
        return _time(tag, text.decode("ascii"))
    except (ValueError, IndexError):
        return 0.0


def _element(data: bytes) -> tuple[int, bytes, bytes]:
    """Tag, content and what follows of the first element."""
    tag, length, start = data[0], data[1], 2
    if length & 0x80:
        start += length & 0x7F
        length = int.from_bytes(data[2:start], "big")
    if len(data) < start + length:
        raise ValueError("cut short")
    return tag, data[start : start + length], data[start + length :]


def _time(tag: int, text: str) -> float:
    if tag == _UTC_TIME:  # two digits of the year, 1950 to 2049
        text = ("19" if text[:2] >= "50" else "20") + text
    return datetime.strptime(text, "%Y%m%d%H%M%SZ").replace(tzinfo=UTC).timestamp()
