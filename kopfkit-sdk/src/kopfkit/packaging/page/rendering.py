"""The page as one HTML file: nothing is fetched, and nothing runs but its own script, if it has
one."""

import base64
import hashlib
from pathlib import Path

import jinja2

from kopfkit.packaging.page.model import LEVELS, Page

_PLACE = Path(__file__).parent
# Where a page that is served asks for changes.
EVENTS = "/events"
# Where the server says which edition of the page it is.
UNKNOWN_EDITION = 'data-edition="0"'
_SCRIPT = f"""\
const told = document.getElementById("problem");
const edition = document.documentElement.dataset.edition;
new EventSource("{EVENTS}?" + edition).onmessage = (event) => {{
  const why = JSON.parse(event.data);
  if (why === "") location.reload();
  told.textContent = why;
  told.hidden = false;
}};
"""


def policy(*, live: bool) -> str:
    """The page's Content-Security-Policy: its own style and script by their hashes."""
    allowed = [
        "default-src 'none'",
        "img-src data:",
        f"style-src '{_hash(_style())}'",
        "base-uri 'none'",
        "form-action 'none'",
    ]
    if live:
        allowed += [f"script-src '{_hash(_SCRIPT)}'", "connect-src 'self'"]
    return "; ".join(allowed)


def html(page: Page, *, live: bool = False) -> str:
    """The page.

    Args:
        live: served by `serving`, and loaded again when the files have changed.
    """
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_PLACE),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("page.html.j2").render(
        page=page,
        levels=LEVELS,
        style=_style(),
        script=_SCRIPT if live else "",
        edition=UNKNOWN_EDITION if live else "",
        policy=policy(live=live),
    )


def _style() -> str:
    return (_PLACE / "page.css").read_text("utf-8")


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
