"""The upgrade graph as an SVG drawing: a row for each channel, the oldest release on the left.

Straight arrows replace, arcs above skip. Every line is computed, in whole pixels and in the order
of the history, so that the same history is the same bytes.
"""

from html import escape

from kopfkit.packaging.graph import apis, title
from kopfkit.packaging.releases import History, Release
from kopfkit.packaging.ways import REPLACES, Edge, edges, heads, members

# Pixels: a release's box, the gap to the next one, the margin around all.
_WIDTH, _HEIGHT, _GAP, _MARGIN = 224, 74, 56, 24
# Height of an arc for each release that it passes, and of a channel's name.
_RISE, _NAME = 26, 28
_STYLE = """\
text { font: 13px system-ui, sans-serif; fill: #1f2937 }
.channel { font-size: 15px; font-weight: 600 }
.version { font-size: 15px; font-weight: 600 }
.small { font-size: 11px; fill: #4b5563 }
.box { fill: #eff6ff; stroke: #2b6cb0 }
.head { stroke-width: 3 }
.deprecated { fill: #f3f4f6; stroke: #6b7280; stroke-dasharray: 5 4 }
.way { fill: none; stroke: #2b6cb0; stroke-width: 2; marker-end: url(#tip) }
.skip { stroke: #b45309; stroke-dasharray: 6 4; marker-end: url(#skiptip) }
"""


def svg(history: History) -> str:
    """The drawing, with a final newline."""
    rows, top, width = [], _MARGIN, 0
    for channel in history.channels:
        row, height = _channel(history, channel, top)
        rows.append(row)
        top += height + _MARGIN
        count = len(members(history, channel))
        width = max(width, 2 * _MARGIN + count * _WIDTH + (count - 1) * _GAP)
    name = escape(f"Upgrade graph of {history.package}")
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {top}" '
        f'width="{width}" height="{top}" role="img" aria-label="{name}">\n'
        f"<title>{name}</title>\n<style>\n{_STYLE}</style>\n"
        f"<defs>{_tip('tip', '#2b6cb0')}{_tip('skiptip', '#b45309')}</defs>\n"
        f'<rect width="{width}" height="{top}" fill="#ffffff"/>\n{"".join(rows)}</svg>\n'
    )


def _tip(name: str, colour: str) -> str:
    return (
        f'<marker id="{name}" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="8" markerHeight="8" '
        f'markerUnits="userSpaceOnUse" orient="auto">'
        f'<path d="M0 0 8 4 0 8z" fill="{colour}"/></marker>'
    )


def _channel(history: History, channel: str, top: int) -> tuple[str, int]:
    """A channel's row from `top` on, and its height."""
    releases = members(history, channel)
    place = {one.version: index for index, one in enumerate(releases)}
    found = edges(history, channel)
    # An arrow between neighbours is straight; another one must pass above the boxes between.
    arcs = [way for way in found if not _straight(way, place)]
    rise = max((_rise(way, place) for way in arcs), default=0)
    labels = 16 if arcs else 0
    boxes = top + _NAME + rise + labels
    last = {one.version for one in heads(history, channel)}
    text = [
        f'<text class="channel" x="{_MARGIN}" y="{top + 16}">'
        f"{escape(title(history, channel))}</text>\n"
    ]
    text += [_box(one, _left(place[one.version]), boxes, one.version in last) for one in releases]
    text += [_arrow(way, place, boxes) for way in found]
    return "".join(text), boxes + _HEIGHT - top


def _left(index: int) -> int:
    return _MARGIN + index * (_WIDTH + _GAP)


def _straight(way: Edge, place: dict[str, int]) -> bool:
    return way.by == REPLACES and place[way.target] - place[way.source] == 1


def _rise(way: Edge, place: dict[str, int]) -> int:
    return _RISE * abs(place[way.target] - place[way.source])


def _box(release: Release, left: int, top: int, head: bool) -> str:
    kind = "box deprecated" if release.deprecation else "box"
    lines = [
        ("version", f"{release.version}{' (head)' if head else ''}"),
        ("small", apis(release)),
        (
            "small",
            f"deprecated: {release.deprecation}" if release.deprecation else f"{release.date}",
        ),
    ]
    text = "".join(
        f'<text class="{style}" x="{left + 12}" y="{top + 24 + 19 * row}">'
        f"{escape(_short(line))}</text>"
        for row, (style, line) in enumerate(lines)
    )
    return (
        f"<g><title>{escape(f'{release.version}, {release.date}: {apis(release)}')}</title>"
        f'<rect class="{kind}{" head" if head else ""}" x="{left}" y="{top}" width="{_WIDTH}" '
        f'height="{_HEIGHT}" rx="8"/>{text}</g>\n'
    )


def _short(text: str) -> str:
    """The text as far as it fits into a box."""
    return text if len(text) <= 36 else f"{text[:35]}…"


def _arrow(way: Edge, place: dict[str, int], top: int) -> str:
    source, target = _left(place[way.source]), _left(place[way.target])
    if _straight(way, place):
        y = top + _HEIGHT // 2
        return f'<path class="way" d="M{source + _WIDTH} {y}H{target}"/>\n'
    kind = "way" if way.by == REPLACES else "way skip"
    start, end = source + _WIDTH * 2 // 3, target + _WIDTH // 3
    # A cubic curve rises to three quarters of its control points.
    high = top - _rise(way, place) * 4 // 3
    middle, peak = (start + end) // 2, top - _rise(way, place) - 6
    return (
        f'<path class="{kind}" d="M{start} {top}C{start} {high} {end} {high} {end} {top}"/>'
        f'<text class="small" x="{middle}" y="{peak}" text-anchor="middle">{way.by}</text>\n'
    )
