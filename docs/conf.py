"""The documentation site: `make site` builds it with Sphinx into build/site.

The pages are Markdown that is also read on its own, in a checkout; what only the site needs is done
here. A warning fails the build.
"""

import re
import sys
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx
from sphinx.util import logging

DOCS = Path(__file__).parent
ROOT = DOCS.parent
sys.path[:0] = [str(ROOT / each) for each in ("hack", "kopfkit/src", "kopfkit-sdk/src")]

import api  # noqa: E402

project = "kopfkit"
html_title = "kopfkit"
author = "The kopfkit authors"
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = ["_*"]
templates_path = ["_templates"]

html_theme = "furo"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_copy_source = False
html_show_sphinx = False
html_show_copyright = False
pygments_style = "default"
pygments_dark_style = "github-dark"
html_sidebars = {
    "**": [
        "sidebar/brand.html",
        "sidebar/search.html",
        "sidebar/language.html",
        "sidebar/scroll-start.html",
        "sidebar/navigation.html",
        "sidebar/scroll-end.html",
    ]
}

# Anchors of headings are those that a repository's web page gives them.
myst_heading_anchors = 4
myst_enable_extensions = ["attrs_inline"]

autodoc_member_order = "alphabetical"
autodoc_typehints = "signature"
autodoc_typehints_format = "fully-qualified"
python_use_unqualified_type_names = True
autodoc_default_options = {"members": True, "undoc-members": False}
default_role = "literal"
toc_object_entries = False
# In signatures `type` is Python's, of which the fields of that name are no candidates.
suppress_warnings = ["ref.python"]
napoleon_google_docstring = True
napoleon_numpy_docstring = False
napoleon_use_ivar = True

# Where a page refers to a file outside of docs/, the site has no page: it leads to the repository.
REPOSITORY = "https://example.com/helloworld-operator/tree/main"
_OUTSIDE = re.compile(r"\]\(((?:\.\./)+)([^)#]+)(#[^)]*)?\)")
_LOG = logging.getLogger(__name__)


def lead_to_repository(_: Sphinx, name: str, source: list[str]) -> None:
    """Rewrite the links of a page to files outside of docs/; one that is not there is a warning."""
    place = (DOCS / name).parent

    def led(link: re.Match[str]) -> str:
        target = (place / link[1] / link[2]).resolve()
        if target.is_relative_to(DOCS):
            return link[0]
        if not target.exists():
            _LOG.warning("%s does not exist", link[1] + link[2], location=name)
        return f"]({REPOSITORY}/{target.relative_to(ROOT)}{link[3] or ''})"

    source[0] = _OUTSIDE.sub(led, source[0])


# What a test reads in a block's first line, and the language after it.
_NAMED = re.compile(r"^```(\w+) (?:file=(\S+)|terminal=(\d))$", re.MULTILINE)


def show_names(_: Sphinx, _name: str, source: list[str]) -> None:
    """Show the name of the file, or the number of the terminal, that a block of code belongs to."""

    def captioned(block: re.Match[str]) -> str:
        return f"```{{code-block}} {block[1]}\n:caption: {block[2] or f'Terminal {block[3]}'}\n"

    source[0] = _NAMED.sub(captioned, source[0])


def write_api_pages(_: Sphinx) -> None:
    """Write one page for each public module; autodoc fills it from the docstrings."""
    place = DOCS / "reference/python"
    place.mkdir(exist_ok=True)
    for name in (name for names in api.PUBLIC.values() for name in names):
        text = f"# `{name}`\n\n```{{eval-rst}}\n.. automodule:: {name}\n```\n"
        page = place / f"{name}.md"
        # A page that is as it was is not read again.
        if not page.exists() or page.read_text() != text:
            page.write_text(text)


def choose_language(
    app: Sphinx, name: str, _template: str, context: dict[str, Any], _tree: Any
) -> None:
    """Say in which language a page is, and where it is in the other one."""
    chinese = name.startswith("zh/")
    other = name.removeprefix("zh/") if chinese else f"zh/{name}"
    context["language"] = "zh-CN" if chinese else "en"
    if other in app.env.found_docs:
        context["other_language"] = ("English", "en") if chinese else ("中文", "zh-CN")
        context["other_page"] = other


def show_examples(*arguments: Any) -> None:
    """Make the indented examples of a docstring code blocks."""
    lines: list[str] = arguments[-1]
    for above in range(len(lines) - 3, -1, -1):
        text, between, after = lines[above : above + 3]
        if text and text[0] != " " and not between and after.startswith("    "):
            lines[above + 1 : above + 1] = ["", ".. code-block:: python"]


def setup(app: Sphinx) -> None:
    """What Sphinx calls."""
    app.connect("builder-inited", write_api_pages)
    app.connect("source-read", lead_to_repository)
    app.connect("source-read", show_names)
    # Before napoleon, whose sections are indented too.
    app.connect("autodoc-process-docstring", show_examples, priority=400)
    app.connect("html-page-context", choose_language)
