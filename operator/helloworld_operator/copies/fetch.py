"""Fetch a copy of a running guest book over HTTP into a volume (`helloworld-operator snapshot`).

What answers at the address may be something else than ours: no redirect is followed, which could
lead anywhere that the Job's pod reaches, and nothing of an answer is repeated in a message, which
everybody reads who may read the snapshot's status.

The greeting server makes the copy (GET /snapshot) and names its SHA-256; here it is written beside
its place, checked byte for byte and page for page, synced, and only then declared complete. A copy
that is already complete is left as it is: a Job whose pod was lost after its work runs again.
"""

import base64
import binascii
import contextlib
import os
import re
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from typing import Final

from helloworld_operator.copies import archive
from helloworld_operator.operand.guestbook import FILE, inspect
from kopfkit.errors import KopfkitError
from kopfkit.termination import Hopeless

# Seconds for connecting and for any part of the answer; the copy is made before its first byte.
_TIMEOUT: Final = 120
# Seconds between two tries at a server that is not there or busy; a pod may just be restarting.
_PAUSE: Final = 2.0
_DIGEST: Final = re.compile(r"sha-256=:([A-Za-z0-9+/=]+):")
_MAY_PASS: Final = (429, 502, 503, 504)
# What our server means by a status; its own sentence could be anybody's.
_MEANING: Final = {
    404: ": there is no guest book",
    503: ": another copy is being made, or the volume does not work",
    507: ": there is no room for the copy beside the volume",
}


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """Takes a redirect for the failure that it is: our server sends none."""

    def redirect_request(self, *_: object) -> None:
        return None


class _NotNow(Exception):
    """The server does not answer with a copy, but may soon."""


def fetch(url: str, directory: Path, *, patience: float) -> archive.Description:
    """Have a complete copy in `directory`.

    Args:
        url: of the greeting server, without a path.
        directory: the volume.
        patience: seconds to wait for a server that does not answer or is busy.

    Raises:
        Hopeless: there is no guest book, or no room.
        KopfkitError: no copy came, or it was damaged on the way.
    """
    known = archive.read(directory)
    if known is not None:
        archive.verify(directory, known)
        return known
    deadline = time.monotonic() + patience
    while True:
        try:
            return _once(url.rstrip("/") + "/snapshot", directory)
        except _NotNow as reason:
            if time.monotonic() + _PAUSE > deadline:
                raise KopfkitError(
                    url, f"no copy came in {patience:.0f} s: {reason}", "is the HelloWorld running?"
                ) from reason
            time.sleep(_PAUSE)


def _once(url: str, directory: Path) -> archive.Description:
    partial = directory / (FILE + archive.PARTIAL)
    try:
        with _answer(url) as answer, partial.open("wb") as file:
            wanted = _sha256(answer, url)
            found, size = archive.pour(answer, file)
    except HTTPException as error:
        # Its text may be a line of the answer.
        raise _NotNow(f"the answer is not HTTP ({type(error).__name__})") from error
    except (TimeoutError, ConnectionError, urllib.error.URLError) as error:
        raise _NotNow(str(error) or repr(error)) from error
    except OSError as error:
        raise Hopeless(
            str(directory),
            f"cannot be written: {error.strerror or error}",
            "give the snapshot a larger volume (spec.size).",
        ) from error
    if found != wanted:
        # Also a connection that broke off: the length is not what was said.
        raise _NotNow(f"{size} bytes came with SHA-256 {found}, and {wanted} was announced")
    entries = inspect(partial)
    os.replace(partial, directory / FILE)
    archive.settle(directory)
    taken = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    made = archive.Description(found, size, entries, taken)
    archive.write(directory, made)
    return made


@contextlib.contextmanager
def _answer(url: str) -> Iterator[HTTPResponse]:
    # No proxy: the address is one of the cluster's own.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), _NoRedirect)
    try:
        answer = opener.open(url, timeout=_TIMEOUT)
    except urllib.error.HTTPError as error:
        error.close()
        text = f"HTTP {error.code}{_MEANING.get(error.code, '')}"
        if error.code in _MAY_PASS:
            raise _NotNow(text) from error
        raise Hopeless(
            url, text, "only a HelloWorld with spec.persistence and the operator's image has one."
        ) from error
    with answer:
        yield answer


def _sha256(answer: HTTPResponse, url: str) -> str:
    found = _DIGEST.search(answer.headers.get("Repr-Digest", ""))
    try:
        digest = base64.b64decode(found[1], validate=True) if found else b""
    except binascii.Error:
        digest = b""
    if len(digest) != 32:
        raise Hopeless(url, "answers without a checksum (Repr-Digest)", "is it a greeting server?")
    return digest.hex()
