"""The upgrade graph for people: as a tree in a terminal, and as Mermaid.

Newest first in the terminal, because that is what one looks for. As a drawing: `picture`.
"""

from kopfkit.packaging.releases import NO_DAY, History, Release
from kopfkit.packaging.ways import REPLACES, SKIP_RANGE, Edge, edges, heads, members, skipped


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


def _from(release: Release, arriving: list[Edge]) -> str:
    """From which releases one comes, and by what where it is not the plain way."""
    named = []
    for way in reversed(arriving):
        by = release.skip_range if way.by == SKIP_RANGE else way.by
        named.append(way.source if way.by == REPLACES else f"{way.source} by {way.by} {by}".strip())
    named = [text.removesuffix(" skips") for text in named]
    return f"from {', '.join(named)}" if named else "for new installations"


def tree(history: History) -> str:
    """The channels as trees of text, with a final newline."""
    blocks = []
    for channel in history.channels:
        all_ways = edges(history, channel)
        passed = skipped(history, channel)
        last = {one.version for one in heads(history, channel)}
        releases = list(reversed(members(history, channel)))
        width = max((len(one.version) for one in releases), default=0)
        # A column for dates, where there are any.
        dates = 12 if any(map(day, releases)) else 0
        lines = [title(history, channel)]
        for index, one in enumerate(releases):
            end = index == len(releases) - 1
            arriving = [way for way in all_ways if way.target == one.version]
            notes = [day(one), apis(one)]
            if one.version in last:
                notes.append("head")
            if one.version in passed:
                notes.append("skipped, OLM v0 leads nobody here")
            dated = notes[0] or " " * dates
            lines.append(
                f"{'└──' if end else '├──'} {one.version:<{width}}{dated:>{dates}}"
                f"  {'; '.join(notes[1:])}"
            )
            rail = "    " if end else "│   "
            lines.append(f"{rail}{' ' * width}  {_from(one, arriving)}")
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
