"""Release histories, good and bad."""

import datetime
from typing import Any

from hypothesis import strategies as st

from kopfkit.packaging.releases import History, Release
from kopfkit.ranges import Range

DAY = datetime.date(2027, 1, 2)
CHANNELS = ("stable", "candidate")
# A version that no catalog here has.
ELSEWHERE = "0.0.9"


def release(version: str, replaces: str = "", **more: Any) -> Release:
    """A release of one API version."""
    fields: dict[str, Any] = {"channels": ("stable",), **more}
    return Release(version, DAY, served=("v1",), stored="v1", replaces=replaces, **fields)


def history(*releases: Release) -> History:
    """A package with these."""
    return History("greeter", "stable", CHANNELS, releases)


CHAIN = history(release("0.1.0"), release("0.2.0", "0.1.0"), release("0.3.0", "0.2.0"))
RANGE = history(
    release("0.1.0"),
    release("0.2.0", "0.1.0"),
    release("0.3.0", "0.2.0", skip_range=">=0.1.0 <0.3.0"),
)
SKIPPED = history(
    release("0.1.0"), release("0.2.0", skip_range="<0.2.0"), release("0.3.0", skips=("0.2.0",))
)
DEPRECATED = history(
    release("0.1.0"), release("0.2.0", "0.1.0", deprecation="a bug"), release("0.3.0", "0.2.0")
)


@st.composite
def histories(draw: st.DrawFn) -> History:
    """Any history: ways lead up and down, in rings, and to what is not there; not to itself."""
    count = draw(st.integers(1, 5))
    versions = [f"0.{at + 1}.0{draw(st.sampled_from(['', '', '-rc.1']))}" for at in range(count)]

    def others(version: str) -> st.SearchStrategy[str]:
        return st.sampled_from([one for one in (*versions, ELSEWHERE) if one != version])

    def ranges(version: str) -> st.SearchStrategy[str]:
        # What includes the release itself is refused, and OLM v0 would choose it again.
        texts = (">=0.1.0 <0.3.0", ">=0.2.0", "!=0.2.0", "<0.2.0 || >0.4.0", "<0.9.0-0")
        return st.sampled_from(["", "", *(text for text in texts if version not in Range(text))])

    # Where each release replaces the one before, more ways lead to the head.
    chained = draw(st.booleans())
    return history(
        *(
            release(
                version,
                versions[at - 1] if chained and at else draw(st.just("") | others(version)),
                channels=draw(st.sampled_from([CHANNELS, CHANNELS[:1], CHANNELS[1:]])),
                skips=tuple(draw(st.lists(others(version), unique=True, max_size=2))),
                skip_range=draw(ranges(version)),
                deprecation=draw(st.sampled_from(["", "", "a bug"])),
            )
            for at, version in enumerate(versions)
        )
    )
