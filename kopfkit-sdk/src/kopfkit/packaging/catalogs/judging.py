"""Judges the upgrade graphs of a catalog: as opm does, and by what the resolvers make of them.

Of one's own package `prover` says more: there every release has to find its way, whichever channel
somebody has subscribed to. Here only the releases of a channel are asked about it, and those that
stay behind are one warning for each channel.
"""

from collections import defaultdict
from collections.abc import Iterator

from kopfkit.packaging.catalogs.packages import Package
from kopfkit.packaging.checks import Finding
from kopfkit.packaging.graphfaults import ARRIVES, all_steps, edge_faults, end_of, target_of
from kopfkit.packaging.releases import History
from kopfkit.packaging.ways import members
from kopfkit.ranges import order

# Releases that a sentence names.
_NAMED = 3


def judged(package: Package) -> Iterator[Finding]:
    """Every fault of a package's graph, each at the document that has it."""
    history = package.history
    for fault in edge_faults(history):
        kind, _, name = fault.place.partition(" ")
        blob = package.blob
        if kind == "channel":
            blob = package.channels.get(name, blob)
        elif kind == "release":
            version = name.rpartition(".")[0]
            blob = package.bundles.get(history.release(version).name(package.name), blob)
        place = blob.place if blob else package.name
        yield Finding(place, f"{package.name}, {fault.place}", fault.why, fault.rule)
    for channel, why in _left_behind(history):
        blob = package.channels.get(channel, package.blob)
        where = f"channel {channel}" if channel else "all channels"
        yield Finding(
            blob.place if blob else package.name, f"{package.name}, {where}", why, ARRIVES
        )


def _left_behind(history: History) -> Iterator[tuple[str, str]]:
    """Each channel from whose releases a resolver does not lead to the newest one, and why."""
    found: dict[tuple[str, str], list[str]] = defaultdict(list)
    for steps, resolver, channel in all_steps(history):
        target = target_of(history, channel)
        among = members(history, channel) if channel else history.releases
        below = [one.version for one in among if order(one.version) < order(target)]
        known: dict[str, str] = {}
        lost = {one: end for one in below if (end := end_of(steps, one, known)) != target}
        if lost:
            ends = ", ".join(_some(list(dict.fromkeys(lost.values()))))
            who = f"{len(lost)} of the {len(below)} older releases" if len(below) > 1 else below[0]
            why = f"no upgrade path to {target} from {who}; users stop at {ends}"
            found[channel, why].append(resolver)
    for (channel, why), resolvers in found.items():
        who = f"{' and '.join(resolvers)} {'has' if len(resolvers) == 1 else 'have'}"
        yield (
            channel,
            f"{who} {why}; name these in the replaces, skips or skipRange of a newer release",
        )


def _some(names: list[str]) -> list[str]:
    more = len(names) - _NAMED
    return names if more < 2 else [*names[:_NAMED], f"and {more} more"]
