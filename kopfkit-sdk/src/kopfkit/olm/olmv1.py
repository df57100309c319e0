"""Asks OLM v1's own code, which the tool `olm-v1` is built around, about bundles and catalogs.

The tool is one process that answers a line of JSON with a line of JSON; it needs no cluster.
"""

import json
import subprocess
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from kopfkit.errors import KopfkitError
from kopfkit.host.progress import Progress
from kopfkit.toolchain import toolchain

Object = dict[str, Any]

TOOL = "olm-v1"
# Where a bundle is rendered for; nothing is installed there.
NAMESPACE = "bundle-under-test"
# Seconds for one answer. A bundle of 1 MiB takes a fraction of one.
_TIMEOUT = 120.0
# How the resolver says that there is nothing to go to.
_NOTHING = "no bundles found"


@dataclass(frozen=True)
class Refusal:
    """A reason for which OLM v1 does not install a bundle.

    Attributes:
        by: the function of operator-controller that says so, as "validators.CheckWebhookRules".
        why: in its words.
    """

    by: str
    why: str


@dataclass(frozen=True)
class Judgement:
    """What OLM v1 makes of a bundle.

    Attributes:
        rendered: the objects by certificate provider ("cert-manager", "service-ca"); none where
            something is refused.
    """

    refusals: tuple[Refusal, ...]
    rendered: Mapping[str, list[Object]]


@dataclass(frozen=True)
class Upgraded:
    """What OLM v1 says of an upgrade before it begins.

    Attributes:
        refused: why one of the bundles is not rendered, as a clause; the rest is empty then.
        unsafe: reasons of the CRD upgrade safety check, by CRD of the new bundle.
        old, new: CRDs as they are rendered, by name.
    """

    refused: str
    unsafe: Mapping[str, Sequence[str]]
    old: Mapping[str, Object]
    new: Mapping[str, Object]


class ResolverError(KopfkitError):
    """The resolver refuses a catalog, or the bundle that it has chosen; `why` is in its words."""

    def __init__(self, package: str, why: str) -> None:
        super().__init__(f"package {package}", f"OLM v1's resolver says: {why}")
        self.why = why


class OlmV1:
    """The running tool; ends with its `with`.

    Args:
        progress: told of a build of the tool, which takes some minutes, once on a machine.

    Raises:
        KopfkitError: the tool cannot be built.
    """

    def __init__(self, progress: Progress) -> None:
        self._process = subprocess.Popen(
            [toolchain.tool(TOOL, progress)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            process_group=0,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.kill()
        self._process.wait()
        self._process.stdin.close()
        self._process.stdout.close()

    def bundle(self, directory: Path) -> Judgement:
        """What it makes of a bundle's directory.

        Raises:
            KopfkitError: there is no answer.
        """
        bundle = {"directory": str(directory.absolute())}
        told = self._ask(str(directory), ask="bundle", bundle=bundle, namespace=NAMESPACE)["bundle"]
        refusals = tuple(Refusal(one["by"], one["why"]) for one in told["refusals"])
        return Judgement(refusals, told["rendered"])

    def upgrade(
        self,
        old: Sequence[Object],
        new: Sequence[Object],
        *,
        live: Mapping[str, Object] | None = None,
        stored: Mapping[str, Sequence[str]] | None = None,
    ) -> Upgraded:
        """What it says of an upgrade.

        Args:
            old, new: the ClusterServiceVersion and the CRDs of each bundle.
            live: CRDs that are in the cluster otherwise than the old bundle has them, by name.
            stored: `status.storedVersions` by CRD, where it is not the old storage version alone.

        Raises:
            KopfkitError: there is no answer.
        """
        answer = self._ask(
            "upgrade",
            fails=False,
            ask="upgrade",
            # OLM v1 refuses a bundle without a package; what these are of does not matter here.
            old={"manifests": list(old), "package": "any"},
            bundle={"manifests": list(new), "package": "any"},
            namespace=NAMESPACE,
            live=dict(live or {}),
            stored={name: list(versions) for name, versions in (stored or {}).items()},
        )
        if answer["error"]:
            return Upgraded(answer["error"], {}, {}, {})
        told = answer["upgrade"]
        return Upgraded("", told["unsafe"], told["old"], told["new"])

    def chosen(
        self, catalog: Sequence[Object], package: str, name: str, version: str, *, pin: str = ""
    ) -> str:
        """The bundle that the resolver leads to from an installed one; "" if to none.

        Args:
            catalog: blobs of the package.
            name, version: of what is installed.
            pin: the version that the ClusterExtension wants, "" for any.

        Raises:
            ResolverError: the resolver refuses the catalog, or the bundle that it has chosen.
            KopfkitError: there is no answer.
        """
        answer = self._ask(
            f"package {package}",
            fails=False,
            ask="resolve",
            catalog=list(catalog),
            package=package,
            version=pin,
            installed={"name": name, "version": version},
        )
        if answer["error"] and _NOTHING not in answer["error"]:
            raise ResolverError(package, answer["error"])
        return str(answer["chosen"])

    def refusal_of_catalog(self, directory: Path) -> str:
        """Why catalogd does not unpack a catalog's directory, "" if it does."""
        where = str(directory.absolute())
        return str(self._ask(where, fails=False, ask="store", directory=where)["error"])

    def _ask(self, what: str, *, fails: bool = True, **request: Any) -> Any:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        timer = threading.Timer(_TIMEOUT, self._process.kill)
        timer.start()
        try:
            self._process.stdin.write(json.dumps(request).encode() + b"\n")
            self._process.stdin.flush()
            line = self._process.stdout.readline()
        except BrokenPipeError:
            line = b""
        finally:
            timer.cancel()
        if not line:
            raise KopfkitError(
                what,
                f"OLM v1's code did not answer (it was ended, or took more than {_TIMEOUT:.0f} s)",
            )
        answer = json.loads(line)
        if fails and answer["error"]:
            raise KopfkitError(what, f"OLM v1's code failed: {answer['error']}")
        return answer
