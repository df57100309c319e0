"""`kopfkit preview` in a real browser: a catalog's page as a person sees it, while it changes."""

import base64
import contextlib
import importlib.util
import json
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

import browser
from kopfkit import yamls

ROOT = Path(__file__).resolve().parents[2]
OPEN = "document.querySelectorAll('details').forEach((each) => { each.open = true })"


@contextlib.contextmanager
def preview(*words: str, cwd: Path = ROOT) -> Iterator[str]:
    """`kopfkit preview` until the end of the block; its URL."""
    program = "from kopfkit.cli import main; main()"
    with subprocess.Popen(
        [sys.executable, "-c", program, "preview", "--port=0", *words],
        cwd=cwd,
        text=True,
        stdout=subprocess.PIPE,
    ) as command:
        assert command.stdout is not None
        url = command.stdout.readline().split(" ")[0]
        try:
            yield url
        finally:
            command.send_signal(signal.SIGINT)
            _, left = command.communicate(timeout=60), command.wait(60)
            assert left == 0


@pytest.fixture
async def tab(tmp_path: Path) -> AsyncIterator[browser.Tab]:
    async with browser.tab(tmp_path / "profile") as found:
        yield found


def described(path: Path) -> dict[str, Any]:
    """The ClusterServiceVersion of a bundle."""
    (file,) = (path / "manifests").glob("*clusterserviceversion.yaml")
    found: dict[str, Any] = yamls.read(file)
    return found


def write(path: Path, csv: dict[str, Any]) -> None:
    """Exchange the ClusterServiceVersion of a bundle, as an editor saves."""
    (file,) = (path / "manifests").glob("*clusterserviceversion.yaml")
    draft = file.with_name(".draft")
    draft.write_text(yamls.dump(csv))
    draft.replace(file)


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    return Path(shutil.copytree(ROOT / "bundle", tmp_path / "bundle"))


@pytest.mark.parametrize("width", [1280, 400])
async def test_nobody_is_shut_out(tab: browser.Tab, width: int) -> None:
    spec = importlib.util.find_spec("axe_core_python")
    assert spec is not None
    assert spec.origin is not None
    axe = Path(spec.origin).with_name("axe.min.js").read_text()
    with preview() as url:
        await tab.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=900,
            deviceScaleFactor=1,
            mobile=False,
        )
        await tab.open(url)
        await tab.value(OPEN)
        await tab.value(axe)
        found = await tab.value("axe.run().then((result) => JSON.stringify(result))")
        # Nothing is cut off: only what scrolls by itself is wider than the window.
        assert await tab.value("document.documentElement.scrollWidth") <= width
    result = json.loads(found)
    assert [(each["id"], each["nodes"][0]["html"]) for each in result["violations"]] == []
    assert {"color-contrast", "heading-order", "image-alt"} <= {
        each["id"] for each in result["passes"]
    }


async def test_a_keyboard_reaches_all_of_it(tab: browser.Tab) -> None:
    focused = "document.activeElement.textContent.trim()"
    with preview() as url:
        await tab.open(url)
        await tab.press("Tab", 9)
        assert await tab.value(focused) == "Skip to the description"
        await tab.press("Enter", 13, "\r")
        for _ in range(40):
            await tab.press("Tab", 9)
            if await tab.value(focused) == "HelloWorld v1 (stored)":
                break
        await tab.press("Enter", 13, "\r")
        assert await tab.until("document.activeElement.parentElement.open")


async def test_a_saved_file_is_shown_and_a_mistake_is_told(tab: browser.Tab, bundle: Path) -> None:
    csv = described(bundle)
    with preview(str(bundle)) as url:
        await tab.open(url)
        csv["spec"]["displayName"] = "Another Name"
        write(bundle, csv)
        assert await tab.until("document.querySelector('h1').textContent === 'Another Name'")
        (file,) = (bundle / "manifests").glob("*clusterserviceversion.yaml")
        good = file.read_text()
        file.write_text("spec: [")
        problem = await tab.until("document.getElementById('problem').textContent")
        assert str(file) in problem
        assert await tab.value("document.querySelector('h1').textContent") == "Another Name"
        file.write_text(good.replace("Another Name", "A Third Name"))
        assert await tab.until("document.querySelector('h1').textContent === 'A Third Name'")
        assert await tab.value("document.getElementById('problem').hidden")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project with one kind."""
    path = tmp_path / "cache-operator"
    path.mkdir()
    kopfkit = [sys.executable, "-c", "from kopfkit.cli import main; main()"]
    for words in (
        "init --domain example.org --project-name cache-operator",
        "create api --group cache --version v1alpha1 --kind Memcached",
    ):
        subprocess.run([*kopfkit, *words.split()], cwd=path, check=True)
    return path


async def test_the_code_of_a_project_is_shown_as_it_is_saved(
    tab: browser.Tab, project: Path
) -> None:
    types = project / "cache_operator" / "memcached_v1alpha1.py"
    with preview(cwd=project) as url:
        await tab.open(url)
        assert await tab.value("document.body.textContent.includes('Memcached v1alpha1')")
        text = types.read_text()
        said = re.search(r'description="([^"]+)"', text)
        assert said is not None
        types.write_text(text.replace(said[1], "A description that was just written."))
        await tab.until("document.body.textContent.includes('that was just written')")


async def test_what_a_stranger_writes_runs_nothing_and_fetches_nothing(
    tab: browser.Tab, bundle: Path
) -> None:
    evil = '"><script>window.ran = 1</script><img src="http://127.0.0.1:9/x" onerror="ran = 1">'
    svg = (
        '<svg xmlns="http://www.w3.org/2000/svg" width="90000" height="90000">'
        '<script>window.ran = 1</script><image href="http://127.0.0.1:9/y"/></svg>'
    )
    csv = described(bundle)
    csv["spec"] |= {
        "displayName": evil,
        "description": f"{evil}\n\n![x](http://127.0.0.1:9/z)\n\n[here](javascript:window.ran=1)",
        "icon": [
            {
                "mediatype": "image/svg+xml",
                "base64data": base64.b64encode(svg.encode()).decode(),
            }
        ],
        "links": [{"name": "a link", "url": "javascript:window.ran = 1"}],
    }
    csv["metadata"]["annotations"]["description"] = evil
    write(bundle, csv)
    with preview(str(bundle)) as url:
        await tab.open(url)
        assert await tab.value("document.querySelector('h1').textContent") == evil
        kinds = "[...document.links].map((each) => each.protocol)"
        assert set(await tab.value(kinds)) <= {"http:", "https:", "mailto:"}
        assert "a link" in await tab.value("document.body.textContent")
        icon = "document.querySelector('img.icon').getBoundingClientRect()"
        assert await tab.value(f"{icon}.width") <= 100
        assert await tab.value("window.ran === undefined")
    asked = [
        found["request"]["url"]
        for method, found in tab.events
        if method == "Network.requestWillBeSent"
    ]
    assert not [each for each in asked if ":9/" in each]
    assert url in asked
