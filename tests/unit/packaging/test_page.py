"""The page of an operator in a catalog: what it shows, and what a stranger's text cannot do."""

import base64
import http.client
import json
import os
import shutil
import socket
import struct
import threading
import zlib
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from budgets import budget
from kopfkit import yamls
from kopfkit.cli import kopfkit
from kopfkit.errors import KopfkitError
from kopfkit.packaging.page import harmless
from kopfkit.packaging.page.fields import fields_of
from kopfkit.packaging.page.model import page
from kopfkit.packaging.page.rendering import html
from kopfkit.packaging.page.serving import HOST, PageServer

# Tags that run, fetch or send something.
RUNS = {"script", "iframe", "object", "embed", "form", "input", "base", "link", "meta", "svg"}


class Seen(HTMLParser):
    """The elements of a page, and its text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


def csv(**spec: Any) -> dict[str, Any]:
    """A ClusterServiceVersion."""
    annotations = spec.pop("annotations", {})
    return {
        "kind": "ClusterServiceVersion",
        "metadata": {"name": "x.v1.2.3", "annotations": annotations},
        "spec": spec,
    }


def png(width: int, height: int) -> str:
    """The head of a PNG of a size, in base64."""
    body = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 6, 0, 0, 0)
    chunk = struct.pack(">I", 13) + body + struct.pack(">I", zlib.crc32(body))
    return base64.b64encode(b"\x89PNG\r\n\x1a\n" + chunk).decode()


def jpeg(width: int, height: int) -> str:
    """The head of a JPEG of a size, behind a comment, in base64."""
    comment = b"\xff\xfe" + struct.pack(">H", 5) + b"\xff\xc0x"
    frame = b"\xff\xc2" + struct.pack(">HBHHB", 8, 8, height, width, 0)
    return base64.b64encode(b"\xff\xd8" + comment + frame).decode()


def command(*words: str) -> Any:
    """Run `kopfkit preview`."""
    return CliRunner().invoke(kopfkit, ["preview", *words])


@pytest.mark.parametrize("source", [None, "bundle", "catalog/helloworld-operator"])
def test_project_bundle_and_catalog_have_one_page(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: str | None
) -> None:
    monkeypatch.chdir(root)
    path = tmp_path / "page.html"
    done = command(*filter(None, [source, "--output", str(path)]))
    assert (done.exit_code, done.output) == (0, f"{path}: written\n")
    seen = Seen(path.read_text())
    for said in (
        "HelloWorld Operator",
        "provided by HelloWorld Operator maintainers",
        "Deep Insights: 4 of 5",
        "AllNamespaces",
        "OwnNamespace: not supported",
        "maintainers@example.com",
        "HelloWorld v1",
        "HelloWorldSnapshot v1",
    ):
        assert said in seen.text
    # A catalog keeps descriptors and examples, and no schema.
    assert "spec.greeting.message" in seen.text
    assert ("All fields" in seen.text) == (source != "catalog/helloworld-operator")
    assert ("Upgrade graph" in seen.text) == (source != "bundle")
    assert "helloworld-guestbook-sample" in seen.text
    icons = [each for tag, each in seen.elements if tag == "img" and each.get("class")]
    assert [str(each["src"])[:26] for each in icons] == ["data:image/svg+xml;base64,"]
    # Nothing is fetched, and nothing runs.
    assert not [tag for tag, _ in seen.elements if tag == "script"]
    urls = [each.get("src") for _, each in seen.elements if each.get("src")]
    assert all(str(url).startswith("data:") for url in urls)


def test_a_folder_that_is_none_of_them_is_refused_with_a_hint(tmp_path: Path) -> None:
    for place in (tmp_path / "absent", tmp_path):
        done = CliRunner().invoke(kopfkit, ["preview", str(place), "--output", "x.html"])
        assert done.exit_code == 1
        assert not (tmp_path / "x.html").exists()
    (tmp_path / "manifests").mkdir()
    (tmp_path / "manifests" / "x.yaml").write_text("kind: Service\n")
    done = command(str(tmp_path), "--output", str(tmp_path / "x.html"))
    assert "has 0 ClusterServiceVersions" in str(done.exception)


def test_a_device_is_not_replaced_by_the_page_and_a_link_stays_one(
    root: Path, tmp_path: Path
) -> None:
    os.mkfifo(pipe := tmp_path / "pipe")
    done = command(str(root / "bundle"), "--output", str(pipe))
    assert done.exit_code == 1
    assert "is no file" in str(done.exception)
    assert pipe.is_fifo()
    (link := tmp_path / "link.html").symlink_to(tmp_path / "page.html")
    assert command(str(root / "bundle"), "--output", str(link)).exit_code == 0
    assert link.is_symlink()
    assert "HelloWorld" in (tmp_path / "page.html").read_text()


def test_no_code_in_a_bundle_is_run(root: Path, tmp_path: Path) -> None:
    bundle = Path(shutil.copytree(root / "bundle", tmp_path / "bundle"))
    (bundle / "pyproject.toml").write_text('[tool.kopfkit]\nproject = "evil:PROJECT"\n')
    (bundle / "evil.py").write_text("raise SystemExit('it was run')")
    done = command(str(bundle), "--output", str(tmp_path / "page.html"))
    assert done.exit_code == 0, done.output
    assert "HelloWorld" in (tmp_path / "page.html").read_text()


HOSTILE = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "[x](javascript:alert(1))",
    "[x](java\nscript:alert(1))",
    "[x](data:text/html,<script>alert(1)</script>)",
    "![x](https://example.com/track.png)",
    "<svg onload=alert(1)>",
    "<iframe src=https://example.com></iframe>",
    "<style>* { display: none }</style>",
    "</p></main><base href=https://example.com>",
    "[x][1]\n\n[1]: javascript:alert(1)",
    '<a href="https://example.com" onclick="alert(1)">x</a>',
    "# <b onmouseover=alert(1)>",
    "```html\n<script>alert(1)</script>\n```",
]


def harmful(text: str) -> list[str]:
    """What in HTML could run, fetch or send something."""
    found = []
    for tag, attributes in Seen(text).elements:
        if tag in RUNS or tag in ("img", "style"):
            found.append(tag)
        for name, value in attributes.items():
            if name.startswith("on") or name in ("style", "src", "srcset", "class", "id"):
                found.append(f"{tag} {name}")
            scheme = str(value).strip().lower().partition(":")[0]
            if name == "href" and scheme not in ("http", "https", "mailto"):
                found.append(f"{tag} {value}")
    return found


@pytest.mark.parametrize("text", HOSTILE)
def test_nothing_in_a_description_runs_or_fetches(text: str) -> None:
    assert harmful(harmless.markdown(text)) == []


@budget(ci=200, soak=20_000)
@given(st.lists(st.sampled_from([*HOSTILE, *"<>[]()\"'`#*_!&;:=/\n ax"]), max_size=12))
def test_no_mixture_of_markdown_and_html_runs(parts: list[str]) -> None:
    assert harmful(harmless.markdown("".join(parts))) == []


def test_markdown_is_shown_as_catalogs_do() -> None:
    made = harmless.markdown(
        "# One\n\n### Three\n\n* **b** ~~s~~ `c`\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n"
        "[x](https://example.com) ![y](https://example.com/y.png)"
    )
    tags = [tag for tag, _ in Seen(made).elements]
    # Below the page's own headings, without a level that is missing where they begin.
    assert [tag for tag in tags if tag[0] == "h" and tag != "hr"] == ["h3", "h5"]
    assert {"ul", "strong", "s", "code", "table", "th", "td", "a"} <= set(tags)
    assert "y (picture)" in made
    assert [tag for tag, _ in Seen(harmless.markdown("## a\n\n## b")).elements] == ["h3", "h3"]


@pytest.mark.parametrize("name", ["displayName", "description", "provider", "keyword", "example"])
def test_text_of_strangers_is_text_everywhere(name: str) -> None:
    evil = '"><script>alert(1)</script>'
    shown = page(
        csv(
            displayName=evil,
            description=evil,
            provider={"name": evil, "url": "javascript:alert(1)"},
            links=[{"name": evil, "url": "data:text/html,x"}],
            maintainers=[{"name": evil, "email": evil}],
            keywords=[evil],
            installModes=[{"type": evil, "supported": True}],
            annotations={
                "capabilities": evil,
                "containerImage": evil,
                "repository": "javascript:alert(1)",
                "features.operators.openshift.io/" + evil: "true",
                "alm-examples": json.dumps([{"kind": evil, "spec": {"a": evil}}]),
            },
            customresourcedefinitions={
                "owned": [{"name": evil, "kind": evil, "version": evil, "description": evil}]
            },
        )
    )
    seen = Seen(html(shown))
    assert not [tag for tag, _ in seen.elements if tag == "script"]
    assert not [
        each["href"]
        for _, each in seen.elements
        if str(each.get("href")).startswith(("javascript", "data:text"))
    ]
    assert "alert(1)" in seen.text


@pytest.mark.parametrize(
    ("mediatype", "data", "why"),
    [
        ("image/png", png(64, 64), ""),
        ("image/svg+xml", base64.b64encode(b"<svg onload='alert(1)'/>").decode(), ""),
        ("image/png", png(60_000, 60_000), "more than 4096 pixels"),
        ("image/jpeg", jpeg(64, 64), ""),
        ("image/jpeg", jpeg(60_000, 64), "more than 4096 pixels"),
        ("image/png", "A" * (2 << 20), "more than 1 MiB"),
        ("image/png", "%%%", "not base64"),
        ("text/html", "PHNjcmlwdD4=", "text/html is none of"),
        ("image/svg+xml", base64.b64encode(b'<!DOCTYPE x [<!entity a "b">]>').decode(), "entities"),
    ],
)
def test_an_icon_that_a_browser_would_suffer_from_is_left_out(
    mediatype: str, data: str, why: str
) -> None:
    shown = page(csv(icon=[{"mediatype": mediatype, "base64data": data}]))
    assert bool(shown.icon) == (not why)
    assert why in " ".join(shown.notes)
    pictures = [each for tag, each in Seen(html(shown)).elements if tag == "img"]
    assert len(pictures) == bool(shown.icon)


def test_what_is_not_as_olm_reads_it_is_left_out_and_told() -> None:
    shown = page(
        csv(
            icon="none",
            keywords=[1, "a"],
            provider=["x"],
            annotations={"alm-examples": "{"},
            customresourcedefinitions={"owned": [{"name": 1, "kind": "A", "version": "v1"}]},
        ),
        [{"kind": "CustomResourceDefinition", "metadata": {"name": "a"}, "spec": {"versions": 1}}],
    )
    assert len(shown.notes) >= 5
    assert "is not JSON" in html(shown)


@pytest.mark.parametrize("metadata", [[], {"name": {}}, {"name": [1]}, "x", None])
def test_a_crd_whose_metadata_is_none_is_told_and_the_page_is_shown(metadata: Any) -> None:
    crd = {"kind": "CustomResourceDefinition", "metadata": metadata, "spec": {}}
    assert page(csv(displayName="Tea"), [crd]).display_name == "Tea"


def test_a_descriptor_may_have_a_path_alone() -> None:
    api = {"name": "teas.x", "kind": "Tea", "version": "v1", "specDescriptors": [{"path": "cups"}]}
    text = Seen(html(page(csv(customresourcedefinitions={"owned": [api]})))).text
    assert "spec.cups" in text


@pytest.mark.parametrize(
    "examples",
    [
        '[{"kind": "\\ud800"}]',
        '[{"kind": "Tea", "spec": ' + "[" * 900 + "]" * 900 + "}]",
        '[{"kind": "Tea", "spec": {"size": 1e999, "least": NaN}}]',
    ],
    ids=["half a surrogate pair", "deep", "no JSON numbers"],
)
def test_examples_that_kubernetes_would_not_read_do_no_harm(tmp_path: Path, examples: str) -> None:
    described = csv(displayName="Tea", annotations={"alm-examples": examples})
    (tmp_path / "tea.clusterserviceversion.yaml").write_text(yamls.dump(described))
    made = tmp_path / "page.html"
    done = command(str(tmp_path), "--output", str(made))
    assert (done.exit_code, done.output) == (0, f"{made}: written\n"), done.exception
    text = Seen(made.read_text("utf-8")).text
    assert ("alm-examples" in text) == ("ud800" not in examples)


def test_what_would_fill_the_memory_of_a_browser_is_refused_or_cut() -> None:
    long = "x" * (1 << 20)
    # As an alias in YAML makes it: a few bytes that stand for a long text, again and again.
    with pytest.raises(KopfkitError, match="larger than 32 MiB"):
        page(csv(keywords=[long] * 100))
    with pytest.raises(KopfkitError, match="larger than 32 MiB"):
        page(csv(), [{"kind": "CustomResourceDefinition", "spec": {long: [long] * 100}}])
    schema = {"properties": {long: {"properties": {str(at): {} for at in range(1000)}}}}
    assert sum(len(one.path) for one in fields_of(schema)) < 1 << 21
    wrong = {"properties": {long: {"properties": {str(at): 1 for at in range(1000)}}}}
    versions = [{"name": "v1", "schema": {"openAPIV3Schema": wrong}}]
    shown = page(csv(), [{"kind": "CustomResourceDefinition", "spec": {"versions": versions}}])
    assert 100 < len(shown.notes) < 1000
    assert sum(map(len, shown.notes)) < 1 << 20


def test_the_fields_of_a_schema_have_their_types_and_limits() -> None:
    schema = {
        "properties": {
            "apiVersion": {"type": "string"},
            "spec": {
                "type": "object",
                "required": ["ports"],
                "properties": {
                    "ports": {
                        "type": "array",
                        "maxItems": 3,
                        "items": {
                            "type": "object",
                            "properties": {"name": {"type": "string", "enum": ["a", "b"]}},
                        },
                    },
                    "labels": {"type": "object", "additionalProperties": {"type": "string"}},
                    "size": {"type": "integer", "minimum": 0, "default": 0},
                    "at": {"x-kubernetes-int-or-string": True},
                },
            },
        }
    }
    found = {
        one.path: (one.type, one.required, one.default, one.limits) for one in fields_of(schema)
    }
    assert found == {
        "spec": ("object", False, "", ""),
        "spec.ports": ("list of object", True, "", "most items 3"),
        "spec.ports[].name": ("string", False, "", "one of a, b"),
        "spec.labels": ("map of string", False, "", ""),
        "spec.size": ("integer", False, "0", "at least 0"),
        "spec.at": ("integer or string", False, "", ""),
    }
    short = list(fields_of(schema, 2))
    assert len(short) == 3
    assert "first 2 fields" in short[-1].description


@pytest.fixture
def server() -> Iterator[PageServer]:
    shown = html(page(csv(displayName="One")), live=True)
    with PageServer(0, shown) as made:
        threading.Thread(target=made.serve_forever, daemon=True).start()
        yield made
        made.shutdown()


def ask(server: PageServer, path: str, host: str = "") -> http.client.HTTPResponse:
    """A GET of the server."""
    connection = http.client.HTTPConnection(HOST, server.server_port, timeout=60)
    connection.request("GET", path, headers={"Host": host or f"{HOST}:{server.server_port}"})
    return connection.getresponse()


def test_the_server_lets_nothing_run_but_the_pages_own_script(server: PageServer) -> None:
    answer = ask(server, "/")
    rules = str(answer.headers["Content-Security-Policy"])
    assert "default-src 'none'" in rules
    assert "unsafe" not in rules
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert ask(server, "/etc/passwd").status == 404
    # A name of somebody else's that leads to this machine.
    assert ask(server, "/", "evil.example.com").status == 403
    assert answer.headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert server.server_address[0] == HOST


def test_nothing_that_a_stranger_asks_or_breaks_off_is_a_traceback(
    server: PageServer, capfd: pytest.CaptureFixture[str]
) -> None:
    answer = ask(server, "/events?" + "9" * 5000)
    assert answer.readline().startswith(b"data: ")
    server.show("x" * (64 << 20))
    for _ in range(3):
        with socket.create_connection((HOST, server.server_port)) as browser:
            browser.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            browser.sendall(f"GET / HTTP/1.0\r\nHost: {HOST}:{server.server_port}\r\n\r\n".encode())
            browser.recv(1)
    # Asked last, so that the others are over.
    assert ask(server, "/").read()
    assert "Traceback" not in capfd.readouterr().err


def test_a_browser_is_told_of_each_edition_after_its_own(server: PageServer) -> None:
    assert 'data-edition="0"' in ask(server, "/").read().decode()
    events = ask(server, "/events?0")
    server.complain("x.py:3: SyntaxError")
    assert events.readline() == b'data: "x.py:3: SyntaxError"\n'
    events.readline()
    server.show(html(page(csv(displayName="Two")), live=True))
    assert events.readline() == b'data: ""\n'
    text = ask(server, "/").read().decode()
    assert "Two" in text
    assert 'data-edition="2"' in text
    # One that was loaded before both is told at once.
    assert ask(server, "/events?1").readline() == b'data: ""\n'


def test_the_bundles_of_others_are_shown(root: Path, tmp_path: Path) -> None:
    manifests = tmp_path / "manifests"
    manifests.mkdir()
    crd = {
        "apiVersion": "apiextensions.k8s.io/v1beta1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "teas.example.com"},
        "spec": {
            "group": "example.com",
            "version": "v1",
            "names": {"plural": "teas", "kind": "Tea"},
            "validation": {
                "openAPIV3Schema": {"properties": {"spec": {"properties": {"cups": {}}}}}
            },
        },
    }
    owned = [{"name": "teas.example.com", "kind": "Tea", "version": "v1"}]
    described = csv(displayName="Tea", customresourcedefinitions={"owned": owned})
    (manifests / "tea.clusterserviceversion.yaml").write_text(yamls.dump(described))
    (manifests / "tea.crd.yaml").write_text(yamls.dump(crd))
    (tmp_path / "metadata").mkdir()
    prefix = "operators.operatorframework.io.bundle."
    annotations = {f"{prefix}channels.v1": "a,b", f"{prefix}channel.default.v1": "b"}
    (tmp_path / "metadata" / "annotations.yaml").write_text(
        yamls.dump({"annotations": annotations})
    )
    done = command(str(tmp_path), "--output", str(tmp_path / "page.html"))
    assert done.exit_code == 0, done.output
    text = Seen((tmp_path / "page.html").read_text()).text
    assert "b (default)" in text
    assert "spec.cups" in text
