"""Makes text and pictures of strangers safe to show in a browser.

Two fences each: what could run is taken out, and the page's Content-Security-Policy (`rendering`)
lets nothing run or be fetched that the page does not have itself.
"""

import base64
import binascii
import struct
from collections.abc import MutableMapping, Sequence
from typing import Any
from urllib.parse import urlsplit

import nh3
from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token

from kopfkit.packaging.page import drawing

# What a description may be made of. No pictures: they would be fetched from elsewhere.
_TAGS = {
    "a", "blockquote", "br", "code", "del", "em", "h3", "h4", "h5", "h6", "hr", "li", "ol", "p",
    "pre", "s", "strong", "table", "tbody", "td", "th", "thead", "tr", "ul",
}  # fmt: skip
_SCHEMES = {"http", "https", "mailto"}
_SVG = "image/svg+xml"
_PICTURES = {"image/png", "image/jpeg", "image/gif", _SVG}
# Bytes of an icon, and pixels of its longer side, that a browser shows without trouble.
LARGEST_ICON = 1 << 20
_LARGEST_SIDE = 4096
# A description's headings begin below those of the page, of which its section's is the second.
_FIRST_HEADING = 3


def markdown(text: str) -> str:
    """Markdown as HTML; HTML in it is shown as the text that it is.

    Args:
        text: a ClusterServiceVersion's description.
    """
    parser = MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"])
    parser.add_render_rule("image", _image)
    tokens = parser.parse(text)
    headings = [token for token in tokens if token.type in ("heading_open", "heading_close")]
    down = _FIRST_HEADING - min((int(token.tag[1]) for token in headings), default=0)
    for token in headings:
        token.tag = f"h{min(int(token.tag[1]) + down, 6)}"
    html = parser.renderer.render(tokens, parser.options, {})
    return nh3.clean(
        html,
        tags=_TAGS,
        attributes={"a": {"href", "title"}, "ol": {"start"}},
        url_schemes=_SCHEMES,
        link_rel="noopener noreferrer nofollow",
    )


def _image(
    self: RendererHTML,
    tokens: Sequence[Token],
    at: int,
    options: Any,
    env: MutableMapping[str, Any],
) -> str:
    """A picture elsewhere as a link to it."""
    token = tokens[at]
    said = self.renderInlineAsText(token.children, options, env) or "picture"
    parts = (Token("text", "", 0, content=f"{said} (picture)"),)
    source = Token("link_open", "a", 1, attrs={"href": str(token.attrs.get("src", ""))})
    inner = self.renderInline(parts, options, env)
    return f"{self.renderToken([source], 0, options, env)}{inner}</a>"


def link(url: str) -> str:
    """A URL that a link may lead to, or "": none that runs something."""
    try:
        return url if urlsplit(url.strip()).scheme.lower() in _SCHEMES else ""
    except ValueError:
        return ""


def icon(given: dict[str, Any]) -> tuple[str, str]:
    """An icon as a data: URL, and why it is not shown, "" if it is.

    An SVG in an <img> runs no script and fetches nothing, whatever is in it.

    Args:
        given: base64data and mediatype.
    """
    kind, text = given.get("mediatype", ""), given.get("base64data", "")
    if kind not in _PICTURES:
        return "", f"is not shown: {kind or 'no mediatype'} is none of {', '.join(_PICTURES)}"
    if len(text) > LARGEST_ICON * 4 // 3 + 4:
        return "", f"is not shown: it has more than {LARGEST_ICON >> 20} MiB"
    try:
        data = base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError):
        return "", "is not shown: it is not base64"
    longer = max(_sides(data))
    if longer > _LARGEST_SIDE:
        return "", f"is not shown: it has more than {_LARGEST_SIDE} pixels on a side"
    if kind != _SVG and not longer:
        return "", "is not shown: it is no PNG, JPEG or GIF"
    if kind == _SVG and b"<!ENTITY" in data.upper():
        return "", "is not shown: it declares entities, which may grow without end"
    if kind == _SVG and (why := drawing.refusal(data)):
        return "", f"is not shown: {why}"
    return f"data:{kind};base64,{base64.b64encode(data).decode()}", ""


def _sides(data: bytes) -> tuple[int, int]:
    """Width and height in pixels as the head of a PNG, JPEG or GIF says them; else 0. By content,
    as browsers do, which show a JPEG that is called a PNG."""
    if data[:8] == b"\x89PNG\r\n\x1a\n" and len(data) >= 24:
        width, height = struct.unpack(">II", data[16:24])
    elif data[:4] == b"GIF8" and len(data) >= 10:
        width, height = struct.unpack("<HH", data[6:10])
    elif data[:2] == b"\xff\xd8":
        height, width = _frame(data)
    else:
        return 0, 0
    return width, height


def _frame(data: bytes) -> tuple[int, int]:
    """Height and width of a JPEG (ITU T.81, B.2.2): of its first frame header, 0 without one."""
    at = 2
    while at + 9 <= len(data) and data[at] == 0xFF:
        marker = data[at + 1]
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            height, width = struct.unpack(">HH", data[at + 5 : at + 9])
            return height, width
        # A marker may have fill bytes before it; a segment's length counts itself.
        at += 1 if marker == 0xFF else 2 + int.from_bytes(data[at + 2 : at + 4])
    return 0, 0


def svg_url(svg: str) -> str:
    """A drawing of our own as a data: URL, whose styles then stay its own."""
    return "data:image/svg+xml;base64," + base64.b64encode(svg.encode()).decode()
