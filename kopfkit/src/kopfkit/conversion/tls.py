"""A serving certificate from a directory, taken up anew whenever the files change.

Kubernetes mounts a Secret as a directory whose `..data` symlink is swapped when the Secret changes;
OLM and cert-manager both deliver certificates so. Who knows a pair before the kubelet brings it can
hand it in. Connections that exist keep the certificate they were made with; each new handshake gets
the newest pair that could be loaded.
"""

import asyncio
import contextlib
import hashlib
import logging
import os
import ssl
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from kopfkit.conversion.validity import valid_until

logger = logging.getLogger(__name__)

CERTIFICATE: Final = "tls.crt"
KEY: Final = "tls.key"
# Seconds between two looks at the files: the kubelet takes up to a minute to bring a Secret, so
# looking more often gains nothing.
INTERVAL: Final = 1.0

_Stamp = tuple[tuple[str, int, int, int], ...]


class ServingCertificate:
    """The newest loadable certificate pair of a directory.

    Args:
        directory: holds tls.crt and tls.key (PEM).
        interval: seconds between two looks at the files; None for INTERVAL.
        loaded: told of each pair that is taken up: the Unix time until which it is valid.
    """

    def __init__(
        self,
        directory: Path,
        *,
        interval: float | None = None,
        loaded: Callable[[float], None] = lambda expires: None,
    ) -> None:
        self.directory = directory
        self._told = loaded
        self.loaded = asyncio.Event()
        self.problem = ""
        self._interval = INTERVAL if interval is None else interval
        self._stamp: _Stamp | None = None
        self._current: ssl.SSLContext | None = None
        self._in_use = b""
        self._replaced: set[bytes] = set()

    def context(self) -> ssl.SSLContext:
        """The context to listen with, once `loaded` is set.

        A context whose new files turn out not to fit together is half-changed by OpenSSL. So none
        is ever loaded into twice: each new pair gets a fresh context, and every handshake on this
        one is handed to the newest.
        """
        assert self._current is not None, "wait for `loaded` first"
        self._current.sni_callback = self._pick
        return self._current

    def _pick(self, connection: ssl.SSLObject, _name: str | None, _context: ssl.SSLContext) -> None:
        if self._current is not None:
            connection.context = self._current

    async def watch(self) -> None:
        """Load the files now and after every change, for ever. Cancel to end."""
        while True:
            self.look()
            await asyncio.sleep(self._interval)

    def look(self) -> bool:
        """Load the files if they changed since the last look; True if a new pair is in use."""
        missing = [name for name in (CERTIFICATE, KEY) if not self._path(name).is_file()]
        if missing:
            files = ", ".join(str(self._path(name)) for name in missing)
            if self._current is None:
                self._report(f"waiting for {files}", logging.WARNING)
            else:
                self._report(f"{files} is gone; the certificate in use stays", logging.ERROR)
            self._stamp = None
            return False
        stamp = self._read_stamp()
        if stamp is None or stamp == self._stamp:
            return False
        try:
            certificate, key = self._read()
            # Brought late by the kubelet: somebody handed in what came after it.
            late = _digest(certificate, key) in self._replaced
            how = "loaded again" if self._current is not None else "loaded"
            loaded = not late and self._use(certificate, key, how)
        except (OSError, ssl.SSLError) as error:
            self._refused(f"{self._path(CERTIFICATE)} and {self._path(KEY)}", error)
            # Not remembered: a pair read between two writes is good at the next look.
            return False
        self._stamp = stamp
        return loaded

    def take(self, certificate: bytes, key: bytes) -> bool:
        """Use a pair (PEM) that the files do not have yet; True if it is not the one in use.

        What it replaces is not used again when the kubelet brings it late. A pair that cannot be
        loaded is logged, and changes nothing.
        """
        before = self._in_use
        try:
            taken = self._use(certificate, key, "taken from its Secret")
        except (OSError, ssl.SSLError) as error:
            self._refused("The Secret's pair", error)
            return False
        if taken and before:
            self._replaced.add(before)
        return taken

    def _use(self, certificate: bytes, key: bytes, how: str) -> bool:
        """Serve with a pair from now on; False if that is so already.

        Raises:
            OSError, SSLError: it cannot be loaded.
        """
        pair = _digest(certificate, key)
        if pair == self._in_use:
            return False
        fresh = _context()
        _load(fresh, certificate, key)
        self._in_use, self._current, self.problem = pair, fresh, ""
        self._replaced.discard(pair)
        self.loaded.set()
        self._told(valid_until(certificate.decode("ascii", errors="replace")))
        logger.info("Certificate %s %s", self._path(CERTIFICATE), how)
        return True

    def _refused(self, what: str, error: OSError) -> None:
        stays = "the certificate in use stays" if self._current else "none is in use"
        reason = getattr(error, "reason", None) or getattr(error, "strerror", None) or error
        self._report(f"{what} cannot be loaded: {reason}; {stays}", logging.ERROR)

    def _report(self, problem: str, level: int) -> None:
        """Log a problem once, not at every look."""
        if problem != self.problem:
            logger.log(level, "Certificate: %s", problem)
        self.problem = problem

    def _path(self, name: str) -> Path:
        return self.directory / name

    def _read(self) -> tuple[bytes, bytes]:
        """Certificate and key. OSError."""
        # Through `..data` resolved once, so that both files come from one version of the Secret.
        data = self.directory / "..data"
        source = data.resolve() if data.is_symlink() else self.directory
        if not all((source / name).is_file() for name in (CERTIFICATE, KEY)):
            source = self.directory
        return (source / CERTIFICATE).read_bytes(), (source / KEY).read_bytes()

    def _read_stamp(self) -> _Stamp | None:
        """What changes when the files do: real path, inode, time and size of both."""
        try:
            return tuple(
                (
                    os.path.realpath(path),
                    (status := path.stat()).st_ino,
                    status.st_mtime_ns,
                    status.st_size,
                )
                for path in map(self._path, (CERTIFICATE, KEY))
            )
        except OSError:
            return None


def _digest(certificate: bytes, key: bytes) -> bytes:
    return hashlib.sha256(certificate + b"\0" + key).digest()


def _load(context: ssl.SSLContext, certificate: bytes, key: bytes) -> None:
    """Load a pair that is not in a file. OSError, SSLError."""
    with _file(key.rstrip() + b"\n" + certificate) as path:
        context.load_cert_chain(path, password=_no_password)


@contextlib.contextmanager
def _file(content: bytes) -> Iterator[str]:
    """A name for OpenSSL, which reads files only: of memory where there is such a thing (Linux), as
    a container's file system is read-only and a key is better on no disk."""
    if sys.platform == "linux":
        descriptor = os.memfd_create("pair")
        try:
            os.write(descriptor, content)
            yield f"/proc/self/fd/{descriptor}"
        finally:
            os.close(descriptor)
    else:
        with tempfile.NamedTemporaryFile() as file:  # mode 0600
            file.write(content)
            file.flush()
            yield file.name


def _no_password() -> str:
    """Never ask a terminal that is not there for an encrypted key's password."""
    raise OSError("the key is encrypted")


def _context() -> ssl.SSLContext:
    """TLS 1.3 only: the one client is kube-apiserver, which speaks it since Kubernetes 1.19."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.set_alpn_protocols(["http/1.1"])
    return context
