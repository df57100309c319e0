"""Conversion webhooks: what Kubernetes asks of a CRD with several versions, and kopf does not have.

An operator writes pure functions between its hub version and each spoke and hands them to a
`Converter`. The rest is here: what one version has and the other lacks is kept in an annotation
(`converter`), reviews are answered whatever they hold (`review`), and an HTTPS server reloads its
certificate while it runs (`server`). The same server keeps the conversion of a CRD that is
overwritten without one (`guard`).
"""

from typing import TYPE_CHECKING, Any

from kopfkit.conversion.converter import Converter, Spoke
from kopfkit.conversion.converters import AnyConverter, Converters
from kopfkit.conversion.errors import ConversionError
from kopfkit.conversion.fields import Fields, known_fields
from kopfkit.conversion.renaming import renamed
from kopfkit.conversion.review import answer, convert_review

if TYPE_CHECKING:
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
    "renamed",
    "serve",
]


def __getattr__(name: str) -> Any:
    # Whoever describes a conversion for a bundle, or reads by one, needs no HTTPS server.
    modules = {"serve": "server", "ServingCertificate": "tls"}
    if name not in modules:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{modules[name]}"), name)
