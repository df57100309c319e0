"""The upgrade graph as an SVG drawing: a column for each channel, the newest release on top.

A row is one line high, so that a hundred releases are a page. Straight arrows replace the release
below; arcs on the left are other ways. Where a release has many of these they are a line of text in
its row. Every line is computed, in whole pixels and in the order of the history, so that the same
history is the same bytes.
"""

from html import escape

from kopfkit.packaging.graph import apis, by_reason, day, title
from kopfkit.packaging.releases import History, Release
from kopfkit.packaging.ways import REPLACES, Edge, edges, heads, members

# Pixels: a release's box, the gap to the next one, the margin around all.
_WIDTH, _HEIGHT, _GAP, _MARGIN = 460, 26, 12, 24
# Room on the left of a channel for arcs, and how far one bulges with each release that it passes.
_ARCS, _BULGE = 96, 12
# A channel's name, and the columns beside each other.
_NAME, _COLUMNS = 30, 3
# Arcs to one release; more are unreadable.
_MANY = 3
_STYLE = """\
text { font: 12px system-ui, sans-serif; fill: #1f2937 }
.channel { font-size: 15px; font-weight: 600 }
.version { font-size: 13px; font-weight: 600 }
.small { font-size: 11px; fill: #4b5563 }
.box { fill: #eff6ff; stroke: #2b6cb0 }
.head { stroke-width: 3 }
.deprecated { fill: #f3f4f6; stroke: #6b7280; stroke-dasharray: 5 4 }
.way { fill: none; stroke: #2b6cb0; stroke-width: 2; marker-end: url(#tip) }
.skip { stroke: #b45309; stroke-dasharray: 6 4; marker-end: url(#skiptip) }
"""


def svg(history: History) -> str:
    """The drawing, with a final newline."""
    parts, top, bottom = [], _MARGIN, _MARGIN
    for number, channel in enumerate(history.channels):
        column = number % _COLUMNS
        if column == 0:
            top = bottom
        part, end = _channel(history, channel, _MARGIN + column * (_ARCS + _WIDTH + _GAP), top)
        parts.append(part)
        bottom = max(bottom, end + _MARGIN)
    columns = min(len(history.channels), _COLUMNS) or 1
    width = 2 * _MARGIN + columns * (_ARCS + _WIDTH) + (columns - 1) * _GAP
    name = escape(f"Upgrade graph of {history.package}")
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {bottom}" '
        f'width="{width}" height="{bottom}" role="img" aria-label="{name}">\n'
        f"<title>{name}</title>\n<style>\n{_STYLE}</style>\n"
        f"<defs>{_tip('tip', '#2b6cb0')}{_tip('skiptip', '#b45309')}</defs>\n"
        f'<rect width="{width}" height="{bottom}" fill="#ffffff"/>\n{"".join(parts)}</svg>\n'
    )


def _tip(name: str, colour: str) -> str:
    return (
        f'<marker id="{name}" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="8" markerHeight="8" '
        f'markerUnits="userSpaceOnUse" orient="auto">'
        f'<path d="M0 0 8 4 0 8z" fill="{colour}"/></marker>'
    )


def _channel(history: History, channel: str, left: int, top: int) -> tuple[str, int]:
    """A channel's column, and where it ends."""
    releases = members(history, channel)[::-1]
    tops = {one.version: top + _NAME + at * (_HEIGHT + _GAP) for at, one in enumerate(releases)}
    last = {one.version for one in heads(history, channel)}
    others: dict[str, list[Edge]] = {}
    straight = []
    for way in edges(history, channel):
        if way.by == REPLACES and tops[way.source] - tops[way.target] == _HEIGHT + _GAP:
            straight.append(way)
        else:
            others.setdefault(way.target, []).append(way)
    text = [
        f'<text class="channel" x="{left + _ARCS}" y="{top + 16}">'
        f"{escape(title(history, channel))}</text>\n"
    ]
    for one in releases:
        arriving = others.get(one.version, [])
        note = by_reason(one, channel, arriving) if len(arriving) > _MANY else ""
        text.append(_box(one, left + _ARCS, tops[one.version], one.version in last, note))
        if not note:
            text += [_arc(way, tops, left + _ARCS) for way in arriving]
    text += [_arrow(way, tops, left + _ARCS + 28) for way in straight]
    return "".join(text), top + _NAME + len(releases) * (_HEIGHT + _GAP)


def _box(release: Release, left: int, top: int, head: bool, note: str) -> str:
    kind = "box deprecated" if release.deprecation else "box"
    said = f"deprecated: {release.deprecation}" if release.deprecation else apis(release)
    name = f"{release.version}{' (head)' if head else ''}"
    # Some 7 and 6 pixels a letter.
    room = (_WIDTH - 40 - 8 * len(name)) // 6 - (12 if day(release) else 0)
    whole = ", ".join(filter(None, (release.version, day(release), apis(release), said, note)))
    cells = [
        f'<text class="version" x="{left + 12}" y="{top + 17}">{escape(name)}</text>',
        f'<text class="small" x="{left + 24 + 8 * len(name)}" y="{top + 17}">'
        f"{escape(_short(' · '.join(filter(None, (note, said))), room))}</text>",
        f'<text class="small" x="{left + _WIDTH - 12}" y="{top + 17}" text-anchor="end">'
        f"{day(release)}</text>",
    ]
    return (
        f"<g><title>{escape(whole)}</title>"
        f'<rect class="{kind}{" head" if head else ""}" x="{left}" y="{top}" width="{_WIDTH}" '
        f'height="{_HEIGHT}" rx="6"/>{"".join(cells)}</g>\n'
    )


def _short(text: str, room: int) -> str:
    """The text as far as it fits."""
    return text if len(text) <= room else f"{text[: max(room - 1, 0)]}…"


def _arrow(way: Edge, tops: dict[str, int], x: int) -> str:
    return f'<path class="way" d="M{x} {tops[way.source]}V{tops[way.target] + _HEIGHT}"/>\n'


def _arc(way: Edge, tops: dict[str, int], left: int) -> str:
    start, end = tops[way.source] + _HEIGHT // 3, tops[way.target] + _HEIGHT * 2 // 3
    passed = abs(start - end) // (_HEIGHT + _GAP)
    # A cubic curve comes to three quarters of its control points.
    far = left - min(_BULGE * (passed + 1), _ARCS - 8) * 4 // 3
    kind = "way" if way.by == REPLACES else "way skip"
    return (
        f'<path class="{kind}" d="M{left} {start}C{far} {start} {far} {end} {left} {end}">'
        f"<title>{escape(f'{way.source} to {way.target} by {way.by}')}</title></path>\n"
    )
