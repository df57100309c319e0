"""Where OLM leads whoever has a release, step by step.

OLM v0 looks at one channel: of the releases on its chain (`ways`) that are offered to the installed
one it takes the one nearest to the head (operator-lifecycle-manager, pkg/controller/registry/
resolver). OLM v1 looks at all channels unless one is named. Of the releases that are offered and
the installed one itself it takes the highest version that is not deprecated, or the highest one if
all are (operator-controller, internal/operator-controller/resolve): nobody is led from a release
that is not deprecated to one that is, not even on the way to another. Neither needs the installed
release to be in the channel.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import semver

from kopfkit.packaging.releases import History, Release
from kopfkit.packaging.ways import chain, members, offered

OLM_V0: Final = "OLM v0"
OLM_V1: Final = "OLM v1"


@dataclass(frozen=True)
class Route:
    """The way that a resolver leads from an installed release.

    Attributes:
        versions: installed ones, one after the other; the first is where it starts.
        resolver: OLM_V0 or OLM_V1.
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
    order = chain(history, channel)

    def step(source: str) -> str | None:
        return next((one.version for one in order if offered(one, source)), None)

    return Route(_walk(step, installed), OLM_V0, channel)


def route_v1(history: History, installed: str, channel: str = "") -> Route:
    """Where OLM v1 leads who has `installed` and names a channel, or none."""
    among = members(history, channel) if channel else history.releases

    def step(source: str) -> str | None:
        candidates = [one for one in among if one.version == source or offered(one, source)]
        best = max(candidates, key=_preference, default=None)
        return best.version if best else None

    return Route(_walk(step, installed), OLM_V1, channel)


def _preference(release: Release) -> tuple[bool, semver.Version]:
    return not release.deprecation, semver.Version.parse(release.version)


def _walk(step: Callable[[str], str | None], installed: str) -> tuple[str, ...]:
    """The versions from `installed` on; a ring ends where it closes."""
    found = [installed]
    while (target := step(found[-1])) is not None and target not in found:
        found.append(target)
    return tuple(found)
