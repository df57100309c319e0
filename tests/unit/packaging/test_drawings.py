"""An SVG that grows without end where its parts are used again is not given to a browser."""

import base64
from collections.abc import Callable

import pytest

from kopfkit.packaging.page.drawing import LARGEST, refusal
from kopfkit.packaging.page.harmless import LARGEST_ICON, icon

HEAD = '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink">'


def svg(content: str) -> bytes:
    return f"{HEAD}{content}</svg>".encode()


def nested(use: Callable[[str], str], levels: int = 30, times: int = 2) -> bytes:
    """Each level draws the one below it some times."""
    parts = ['<g id="p0"><rect/></g>']
    parts += [
        f'<g id="p{level}">{use(f"p{level - 1}") * times}</g>' for level in range(1, levels + 1)
    ]
    return svg("".join(parts))


@pytest.mark.parametrize(
    "use",
    [
        '<use href="#{}"/>',
        '<use xlink:href="#{}"/>',
        "<use href=' #{}\n'/>",
        '<rect fill="url(#{})"/>',
        "<rect mask=\"url( '#{}' )\"/>",
        '<rect style="stroke:red;clip-path:url(#{})"/>',
        '<use><set attributeName="href" to="#{}"/></use>',
        '<use><animate attributeName="href" values="#x;#{};#y"/></use>',
    ],
)
@pytest.mark.parametrize(("levels", "times"), [(30, 2), (3, 200), (1000, 1)])
def test_parts_that_use_each_other_over_and_over_are_refused(
    use: str, levels: int, times: int
) -> None:
    assert "use each other" in refusal(nested(use.format, levels, times))


def test_a_name_may_be_written_with_its_bytes_as_numbers() -> None:
    assert "use each other" in refusal(nested(lambda name: f'<use href="#%70{name[1:]}"/>'))


def test_parts_that_use_each_other_in_a_circle_are_refused() -> None:
    both = '<g id="a"><use href="#b"/></g><g id="b"><use href="#a"/></g>'
    assert "use each other" in refusal(svg(both))


def test_the_largest_file_is_judged_whatever_is_in_it() -> None:
    use = '<use href="#a"/>'
    many = use * (LARGEST_ICON // len(use))
    assert "use each other" in refusal(svg(f'<g id="a">{many}</g>{use * 9}'))
    deep = LARGEST_ICON // 8
    assert refusal(svg("<g>" * deep + "</g>" * deep)) == ""


@pytest.mark.parametrize(
    "content",
    [
        # As drawing programs write them.
        '<linearGradient id="g"><stop/><stop/></linearGradient>' + '<path fill="url(#g)"/>' * 5000,
        '<symbol id="s"><path/><path/></symbol>' + '<use href="#s"/>' * 1000,
        '<g clip-path="url(#c)"><defs><clipPath id="c"><rect/></clipPath></defs></g>',
        '<linearGradient id="a"/><linearGradient id="b" xlink:href="#a"/><rect fill="url(#b)"/>',
        # A color, and what is not there.
        '<g id="fff"><rect fill="#fff"/><use href="#gone"/></g>',
        "<image href='data:image/png;base64,AAAA'/>",
    ],
)
def test_a_drawing_as_programs_write_them_is_shown(content: str) -> None:
    assert refusal(svg(content)) == ""


def test_as_much_as_a_browser_draws_in_a_moment_is_shown_and_no_more() -> None:
    def drawn(elements: int) -> bytes:
        return svg(f'<g id="a">{"<g/>" * (elements - 1)}</g><use href="#a"/>')

    assert refusal(drawn(LARGEST)) == ""
    assert "use each other" in refusal(drawn(LARGEST + 1))


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (svg("<image href='data:image/svg+xml,x'/>"), "another SVG in it"),
        (svg("<image href=' DATA:image/\nsvg+xml,x'/>"), "another SVG in it"),
        (f'<!DOCTYPE x [<!ENTITY a "b">]>{HEAD}</svg>'.encode("utf-16"), "declares entities"),
        (b"<svg", "is no XML"),
        (b"", "is no XML"),
        (b"\x89PNG\r\n\x1a\n", "is no XML"),
    ],
)
def test_what_cannot_be_counted_is_refused(data: bytes, why: str) -> None:
    assert why in refusal(data)


def test_an_icon_that_is_refused_is_told_with_the_reason() -> None:
    data = base64.b64encode(nested('<use href="#{}"/>'.format)).decode()
    shown, why = icon({"mediatype": "image/svg+xml", "base64data": data})
    assert shown == ""
    assert why.startswith("is not shown: its parts use each other")
