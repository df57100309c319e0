"""The upgrade path that OLM takes from an installed release, step by step.

OLM v0 looks at one channel: of the releases on its chain (`ways`) that are offered to the installed
one it takes the one nearest to the head (operator-lifecycle-manager, pkg/controller/registry/
resolver). OLM v1 looks at all channels unless one is named. Of the releases that are offered and
the installed one itself it takes the highest version that is not deprecated, or the highest one if
all are (operator-controller, internal/operator-controller/resolve): nobody is led from a release
that is not deprecated to one that is, not even on the way to another. Neither needs the installed
release to be in the channel.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from kopfkit.packaging.releases import History, Release
from kopfkit.packaging.ways import chain, members, sources
from kopfkit.ranges import Key, order

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


def steps_v0(history: History, channel: str, *beyond: str) -> dict[str, str]:
    """The next version under OLM v0, by the installed one, for a Subscription to a channel.

    Args:
        beyond: installed versions that the history does not have.
    """
    found = {}
    # Of several the one nearest to the head, hence the last one here.
    for target in reversed(chain(history, channel)):
        found.update(dict.fromkeys(sources(history, target, channel, beyond), target.version))
    return found


def steps_v1(history: History, channel: str = "", *beyond: str) -> dict[str, str]:
    """The next version under OLM v1, by the installed one; in all channels unless one is named.
    Arguments as of `steps_v0`."""
    among = members(history, channel) if channel else history.releases
    best = {one.version: one for one in among}
    for target in among:
        for source in sources(history, target, channel, beyond):
            best[source] = max(best.get(source, target), target, key=_preference)
    return {source: one.version for source, one in best.items() if one.version != source}


def route_v0(history: History, channel: str, installed: str) -> Route:
    """The upgrade path under OLM v0 from `installed`, with a Subscription to a channel."""
    return walk(steps_v0(history, channel, installed), installed, OLM_V0, channel)


def route_v1(history: History, installed: str, channel: str = "") -> Route:
    """The upgrade path under OLM v1 from `installed`; in all channels unless one is named."""
    return walk(steps_v1(history, channel, installed), installed, OLM_V1, channel)


def _preference(release: Release) -> tuple[bool, Key]:
    return not release.deprecation, order(release.version)


def walk(steps: Mapping[str, str], installed: str, resolver: str, channel: str) -> Route:
    """The way from `installed` on; a ring ends where it closes."""
    found = {installed: None}
    at = installed
    while (target := steps.get(at)) is not None and target not in found:
        found[target] = None
        at = target
    return Route(tuple(found), resolver, channel)
