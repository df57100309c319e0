"""Where the API server is and who we are: from the pod's service account or a kubeconfig.

The usual forms (service account, client certificate, token, token file, basic) are read here,
because importing `kubernetes` costs 0.35 s and 30 MB of memory. A user entry that needs a plugin
(`exec`, `auth-provider`) is left to the official client, which is imported only then; this is the
one module that imports it.
"""

import base64
import os
import ssl
import tempfile
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from kopfkit.errors import KopfkitError

# A user entry's fields that make kubectl impersonate (client-go, tools/clientcmd/api/v1).
_IMPERSONATION: Final = ("as", "as-uid", "as-groups", "as-user-extra")

SERVICE_ACCOUNT: Final = Path("/var/run/secrets/kubernetes.io/serviceaccount")


@dataclass(frozen=True)
class Credentials:
    """One API server and one identity.

    Attributes:
        server: URL without a trailing slash.
        namespace: of the kubeconfig's context or the pod, "default" where neither names one.
        ca: PEM of the server's authority, or None for the system's.
        insecure: do not verify the server (a kubeconfig's insecure-skip-tls-verify).
        certificate, key: PEM of the client's certificate.
        authorization: value of the Authorization header, or None.
        proxy: URL of an HTTP proxy, or None.
        source: where all this was read, for messages.
    """

    server: str
    namespace: str = "default"
    ca: str | None = None
    insecure: bool = False
    certificate: str | None = field(default=None, repr=False)
    key: str | None = field(default=None, repr=False)
    authorization: str | None = field(default=None, repr=False)
    proxy: str | None = None
    source: str = ""

    def ssl_context(self) -> ssl.SSLContext | None:
        """The TLS side, or None for plain HTTP."""
        if not self.server.startswith("https"):
            return None
        context = ssl.create_default_context(cadata=self.ca)
        if self.insecure:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        if self.certificate and self.key:
            # The ssl module reads a chain from files only.
            with ExitStack() as stack:
                names = []
                for text in (self.certificate, self.key):
                    file = stack.enter_context(tempfile.NamedTemporaryFile("w", suffix=".pem"))
                    file.write(text)
                    file.flush()
                    names.append(file.name)
                context.load_cert_chain(*names)
        return context


async def load() -> Credentials:
    """Find the API server: $KUBECONFIG, then the pod's service account, then ~/.kube/config.

    Raises:
        KopfkitError: none of these is there, or it cannot be read.
    """
    named = [Path(part) for part in os.environ.get("KUBECONFIG", "").split(os.pathsep) if part]
    if not named and os.environ.get("KUBERNETES_SERVICE_HOST"):
        return _in_cluster()
    paths = named or [Path.home() / ".kube" / "config"]
    present = [path for path in paths if path.is_file()]
    if not present:
        raise KopfkitError(
            "Kubernetes API",
            f"no kubeconfig at {os.pathsep.join(map(str, paths))}, and this is not a pod",
            'set KUBECONFIG, or `make cluster-up` and `export KUBECONFIG="$(make -s kubeconfig)"`.',
        )
    return await _from_kubeconfig(present)


def _in_cluster() -> Credentials:
    host, port = os.environ["KUBERNETES_SERVICE_HOST"], os.environ.get("KUBERNETES_SERVICE_PORT")
    try:
        token = (SERVICE_ACCOUNT / "token").read_text().strip()
        authority = (SERVICE_ACCOUNT / "ca.crt").read_text()
    except OSError as error:
        raise KopfkitError(
            f"service account at {SERVICE_ACCOUNT}",
            f"cannot be read ({error.strerror})",
            "set automountServiceAccountToken on the pod.",
        ) from error
    space = SERVICE_ACCOUNT / "namespace"
    return Credentials(
        server=f"https://{f'[{host}]' if ':' in host else host}:{port or 443}",
        namespace=space.read_text().strip() if space.is_file() else "default",
        ca=authority,
        authorization=f"Bearer {token}",
        source="the pod's service account",
    )


async def _from_kubeconfig(paths: list[Path]) -> Credentials:
    where = os.pathsep.join(map(str, paths))
    try:
        context, cluster, user = _current(paths)
        check_supported(where, cluster, user)
        if user.get("exec") or user.get("auth-provider"):
            return await _by_plugin(where, context)
        token = user.get("token") or _text(user, "tokenFile", None)
        authorization = f"Bearer {token.strip()}" if token else None
        if user.get("username"):
            pair = f"{user['username']}:{user.get('password') or ''}".encode()
            authorization = "Basic " + base64.b64encode(pair).decode()
        return Credentials(
            server=str(cluster["server"]).rstrip("/"),
            namespace=str(context.get("namespace") or "default"),
            ca=_text(cluster, "certificate-authority", "certificate-authority-data"),
            insecure=bool(cluster.get("insecure-skip-tls-verify")),
            certificate=_text(user, "client-certificate", "client-certificate-data"),
            key=_text(user, "client-key", "client-key-data"),
            authorization=authorization,
            proxy=cluster.get("proxy-url"),
            source=f"kubeconfig {where}",
        )
    except KopfkitError:
        raise
    except Exception as error:
        # Whatever is wrong with the file, the person has to look at the file.
        raise KopfkitError(
            f"kubeconfig {where}",
            f"cannot be used ({type(error).__name__}: {error})",
            "check it with `kubectl config view` and `kubectl version`.",
        ) from error


def check_supported(where: str, cluster: Mapping[str, Any], user: Mapping[str, Any]) -> None:
    """Refuse what would be left out of every request, so that nobody acts as somebody else.

    Args:
        where: the kubeconfig, for the error.
        cluster, user: its entries in use.

    Raises:
        KopfkitError: the user impersonates another one, or the server is to be verified by another
            name than its own. kopf's connections have neither.
    """
    found = [key for key in _IMPERSONATION if user.get(key)]
    if found:
        raise KopfkitError(
            f"kubeconfig {where}",
            f"impersonates ({', '.join(found)}), which is not supported",
            "use a user that has the permissions itself.",
        )
    if cluster.get("tls-server-name"):
        raise KopfkitError(
            f"kubeconfig {where}",
            f"sets tls-server-name ({cluster['tls-server-name']}), which is not supported",
            "name the server by a name that its certificate has.",
        )


def _current(paths: list[Path]) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    """Context, cluster and user in use; of several files the first to name a thing wins
    (https://kubernetes.io/docs/concepts/configuration/organize-cluster-access-kubeconfig/)."""
    from kopfkit import yamls  # only outside the cluster

    current = None
    found: dict[str, dict[str, dict[str, Any]]] = {"contexts": {}, "clusters": {}, "users": {}}
    for path in paths:
        config = yamls.read(path) or {}
        current = current or config.get("current-context")
        for plural, entries in found.items():
            for item in config.get(plural) or []:
                # Remember the file: relative paths in an entry count from it.
                entry = {**(item.get(plural[:-1]) or {}), "_directory": path.parent}
                entries.setdefault(item["name"], entry)
    if not current:
        raise ValueError("no current-context is set")
    context = found["contexts"][current]
    user = found["users"].get(str(context.get("user")), {})
    return context, found["clusters"][context["cluster"]], user


def _text(entry: dict[str, Any], path_key: str, data_key: str | None) -> str | None:
    """PEM or token from an entry's inline base64 data or the file it names."""
    if data_key and entry.get(data_key):
        return base64.b64decode(entry[data_key]).decode()
    if entry.get(path_key):
        return _read(Path(entry["_directory"]) / entry[path_key])
    return None


async def _by_plugin(where: str, context: dict[str, Any]) -> Credentials:
    """Let the official client run the login plugin and take over what it found."""
    from kubernetes.aio import client, config

    found = client.Configuration()
    await config.load_kube_config(  # type: ignore[no-untyped-call]
        config_file=where, client_configuration=found
    )
    return Credentials(
        server=found.host.rstrip("/"),
        namespace=str(context.get("namespace") or "default"),
        ca=_read(found.ssl_ca_cert),
        insecure=not found.verify_ssl,
        certificate=_read(found.cert_file),
        key=_read(found.key_file),
        authorization=await found.get_api_key_with_prefix("BearerToken"),
        proxy=found.proxy,
        source=f"kubeconfig {where}",
    )


def _read(path: Any) -> str | None:
    return Path(path).read_text() if path else None
