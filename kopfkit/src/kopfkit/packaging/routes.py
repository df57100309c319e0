"""Where OLM leads whoever has a release, step by step.

OLM v0 looks at one channel: of the releases on its chain (`ways`) that are offered to the installed
one it takes the one nearest to the head (operator-lifecycle-manager, pkg/controller/registry/
resolver). OLM v1 looks at all channels unless one is named, and takes the highest version that is
not deprecated (operator-controller, internal/operator-controller/resolve). Neither needs the
installed release to be in the channel.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import semver

from kopfkit.packaging.releases import History, Release
from kopfkit.packaging.ways import chain, members, offered


@dataclass(frozen=True)
class Route:
    """The way that a resolver leads from an installed release.

    Attributes:
        versions: installed ones, one after the other; the first is where it starts.
        resolver: "OLM v0" or "OLM v1".
        channel: that was subscribed to, "" for all.
    """

    versions: tuple[str, ...]
    resolver: str
    channel: str

    @property
    def end(self) -> str:
        """Where it ends."""
        return self.versions[-1]

    def __str__(self) -> str:
        return " -> ".join(self.versions)


def route_v0(history: History, channel: str, installed: str) -> Route:
    """Where OLM v0 leads who has `installed` and subscribes to a channel."""
    return _route(chain(history, channel), installed, "OLM v0", channel)


def route_v1(history: History, installed: str, channel: str = "") -> Route:
    """Where OLM v1 leads who has `installed`; a deprecated release comes last (resolve/catalog)."""
    order = sorted(
        members(history, channel) if channel else history.releases,
        key=lambda one: (not one.deprecation, semver.Version.parse(one.version)),
        reverse=True,
    )
    return _route(order, installed, "OLM v1", channel)


def _route(order: Iterable[Release], installed: str, resolver: str, channel: str) -> Route:
    order = list(order)
    found = [installed]
    while True:
        target = next(
            (one.version for one in order if offered(one, found[-1]) and one.version not in found),
            None,
        )
        if target is None:
            return Route(tuple(found), resolver, channel)
        found.append(target)
