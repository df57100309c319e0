"""Both parsers: libyaml's, and PyYAML's own, which is all that a scorecard's image has."""

import pytest
import yaml

from kopfkit.yamls import loading


@pytest.fixture(params=["CSafeLoader", "SafeLoader"])
def parser(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Has the test's documents parsed by each in turn."""
    monkeypatch.setattr(loading, "_PARSER", getattr(yaml, request.param))
    return str(request.param)
