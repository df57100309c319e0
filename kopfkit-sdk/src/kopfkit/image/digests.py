"""What a tag means right now: the digest that a registry answers for it.

A tag is moved by the next push; a digest never changes. A cluster that is given the digest runs
what was just built, however often the same tag was pushed before.
"""

import re
import urllib.error
import urllib.request

from kopfkit.errors import KopfkitError

# Every manifest format a registry may hold the image in (Docker image manifest v2, OCI 1.1).
_FORMATS = ", ".join(
    (
        "application/vnd.oci.image.index.v1+json",
        "application/vnd.oci.image.manifest.v1+json",
        "application/vnd.docker.distribution.manifest.list.v2+json",
        "application/vnd.docker.distribution.manifest.v2+json",
    )
)
# Seconds that a registry gets to answer one request without a body.
_TIMEOUT = 20.0
_REFERENCE = re.compile(
    r"(?P<host>[^/@]+)/(?P<repository>[^:@]+)(:(?P<tag>[^@]+))?(@(?P<digest>.+))?"
)


class NotThere(KopfkitError):
    """The registry answers, and has no such image."""


def pin(image: str) -> str:
    """The reference `image` with its digest in place of its tag: "host/repository@sha256:...".

    A reference that has a digest is returned as it is. The registry is asked without credentials;
    plainly over HTTP if it is on this machine (the rule that Docker follows too).

    Raises:
        NotThere: the registry has no such image.
        KopfkitError: not a reference with a registry's host; the registry does not answer, or wants
            a login.
    """
    parts = _REFERENCE.fullmatch(image)
    if parts is None or not _is_host(parts["host"]):
        raise KopfkitError(
            f"image {image}", "names no registry", "Write it as host/repository:tag."
        )
    if parts["digest"]:
        return image
    host, repository = parts["host"], parts["repository"]
    scheme = "http" if re.fullmatch(r"(localhost|127\.[0-9.]+)(:\d+)?", host) else "https"
    url = f"{scheme}://{host}/v2/{repository}/manifests/{parts['tag'] or 'latest'}"
    request = urllib.request.Request(url, method="HEAD", headers={"Accept": _FORMATS})
    # A proxy is for what is elsewhere.
    handlers = [urllib.request.ProxyHandler({})] if scheme == "http" else []
    try:
        with urllib.request.build_opener(*handlers).open(request, timeout=_TIMEOUT) as answer:
            digest = answer.headers.get("Docker-Content-Digest", "")
    except urllib.error.HTTPError as error:
        error.close()
        if error.code == 404:
            raise NotThere(f"image {image}", "is not there", "Build it and push it.") from error
        raise KopfkitError(
            f"image {image}", f"is refused with HTTP {error.code}", "Log in to its registry."
        ) from error
    except OSError as error:
        reason = getattr(error, "reason", error)
        raise KopfkitError(
            f"registry {host}",
            f"does not answer ({reason})",
            "Check it with: kopfkit cluster status",
        ) from error
    if not re.fullmatch(r"sha256:[0-9a-f]{64}", digest):
        raise KopfkitError(f"registry {host}", f"gives no digest for {image}")
    return f"{host}/{repository}@{digest}"


def _is_host(text: str) -> bool:
    return "." in text or ":" in text or text == "localhost"
