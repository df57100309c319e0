"""The upgrade graph for people: as a tree in a terminal, and as Mermaid.

Newest first in the terminal, because that is what one looks for. As a drawing: `picture`.
"""

from collections import Counter
from typing import Any

from kopfkit.packaging.releases import NO_DAY, History, Release
from kopfkit.packaging.ways import REPLACES, SKIP_RANGE, Edge, edges, heads, members, skipped

# Releases from which one comes that a line names; of more it says how many.
_NAMED = 8


def apis(release: Release) -> str:
    """What a release serves: "v1 (stored), v1alpha1 (deprecated)", the stored one first."""
    order = sorted(release.served, key=lambda name: name != release.stored)
    marks = dict.fromkeys(release.deprecated_versions, "deprecated") | {release.stored: "stored"}
    return ", ".join(f"{name} ({marks[name]})" if name in marks else name for name in order)


def day(release: Release) -> str:
    """Its date, "" if nobody says it."""
    return "" if release.date == NO_DAY else f"{release.date}"


def title(history: History, channel: str) -> str:
    """A channel's name, and whether it is the default one."""
    return f"{channel} (default)" if channel == history.default_channel else channel


def by_reason(release: Release, channel: str, arriving: list[Edge]) -> str:
    """How many come to a release by each reason ("12 by skips, 3 by skipRange <1.0.0")."""
    counts = Counter(way.by for way in arriving)
    within = release.entry(channel).skip_range
    return ", ".join(
        f"{count} by {reason}{f' {within}' if reason == SKIP_RANGE else ''}"
        for reason, count in counts.items()
    )


def _from(release: Release, channel: str, arriving: list[Edge]) -> str:
    """From which releases one comes, and by what where it is not the plain way."""
    within = release.entry(channel).skip_range
    named = [
        way.source
        if way.by == REPLACES
        else f"{way.source} by {f'{way.by} {within}' if way.by == SKIP_RANGE else way.by}"
        for way in reversed(arriving)
    ]
    if len(named) > _NAMED:
        plain = [way.source for way in arriving if way.by == REPLACES]
        others = [way for way in arriving if way.by != REPLACES]
        named = [*plain, by_reason(release, channel, others)]
    return f"from {', '.join(named)}" if named else "new installations"


def fields(history: History) -> dict[str, Any]:
    """The channels, their releases oldest first, and the upgrade paths, as one document."""
    return {
        "package": history.package,
        "defaultChannel": history.default_channel,
        "channels": [
            {
                "name": channel,
                "heads": [one.version for one in heads(history, channel)],
                "skipped": sorted(skipped(history, channel)),
                "releases": [
                    {
                        "version": one.version,
                        "name": one.name(history.package),
                        "date": day(one),
                        "served": list(one.served),
                        "stored": one.stored,
                        "deprecation": one.deprecation,
                    }
                    for one in members(history, channel)
                ],
                "paths": [
                    {"from": way.source, "to": way.target, "by": way.by}
                    for way in edges(history, channel)
                ],
            }
            for channel in history.channels
        ],
    }


def tree(history: History) -> str:
    """The channels as trees of text, with a final newline."""
    blocks = []
    for channel in history.channels:
        arriving: dict[str, list[Edge]] = {}
        for way in edges(history, channel):
            arriving.setdefault(way.target, []).append(way)
        passed = skipped(history, channel)
        last = {one.version for one in heads(history, channel)}
        releases = list(reversed(members(history, channel)))
        width = max((len(one.version) for one in releases), default=0)
        # A column for dates, where there are any.
        dates = 12 if any(map(day, releases)) else 0
        lines = [title(history, channel)]
        for index, one in enumerate(releases):
            end = index == len(releases) - 1
            notes = [day(one), apis(one)]
            if one.version in last:
                notes.append("head")
            if one.version in passed:
                notes.append("skipped, no upgrade path with OLM v0")
            dated = notes[0] or " " * dates
            lines.append(
                f"{'└──' if end else '├──'} {one.version:<{width}}{dated:>{dates}}"
                f"  {'; '.join(notes[1:])}"
            )
            rail = "    " if end else "│   "
            lines.append(
                f"{rail}{' ' * width}  {_from(one, channel, arriving.get(one.version, []))}"
            )
            if one.deprecation:
                lines.append(f"{rail}{' ' * width}  deprecated: {one.deprecation}")
        blocks.append("\n".join(line.rstrip() for line in lines) + "\n")
    return "\n".join(blocks)


def mermaid(history: History) -> str:
    """The channels as subgraphs of a Mermaid flowchart, with a final newline.

    A thick arrow replaces, a dotted one skips or is of a skipRange; a deprecated release is dashed.
    """
    lines = ["flowchart LR"]
    for number, channel in enumerate(history.channels):
        # Identifiers of our own: a version has dots, and a channel may be named "end".
        ids = {one.version: f"c{number}r{i}" for i, one in enumerate(members(history, channel))}
        lines.append(f'  subgraph c{number}["{title(history, channel)}"]')
        for one in members(history, channel):
            lines.append(f'    {ids[one.version]}["{one.version}<br/>{apis(one)}"]')
            if one.deprecation:
                lines.append(f"    style {ids[one.version]} stroke-dasharray: 4 4")
        lines.append("  end")
        for way in edges(history, channel):
            arrow = "==>" if way.by == REPLACES else f"-. {way.by} .->"
            lines.append(f"  {ids[way.source]} {arrow} {ids[way.target]}")
    return "\n".join(lines) + "\n"
