"""Conversion webhooks: what Kubernetes asks of a CRD with several versions, and kopf does not have.

An operator writes pure functions between its hub version and each spoke and hands them to a
`Converter`. The rest is here: what one version has and the other lacks is kept in an annotation
(`converter`), reviews are answered whatever they hold (`review`), and an HTTPS server reloads its
certificate while it runs (`server`). The same server keeps the conversion of a CRD that is
overwritten without one (`guard`).
"""

from kopfkit.conversion.converter import Converter, Spoke
from kopfkit.conversion.converters import AnyConverter, Converters
from kopfkit.conversion.errors import ConversionError
from kopfkit.conversion.fields import Fields, known_fields
from kopfkit.conversion.review import answer, convert_review
from kopfkit.conversion.server import serve
from kopfkit.conversion.tls import ServingCertificate

__all__ = [
    "AnyConverter",
    "ConversionError",
    "Converter",
    "Converters",
    "Fields",
    "ServingCertificate",
    "Spoke",
    "answer",
    "convert_review",
    "known_fields",
    "serve",
]
