"""What a run left out is named at its end, and fails the run under CI."""

import pytest

pytest_plugins = ["pytester"]

SKIPPING = """
import pytest

def test_runs():
    pass

@pytest.mark.skip(reason="no Docker here")
def test_kind():
    pass

@pytest.mark.skip(reason="no Docker here")
def test_olm():
    pass

@pytest.mark.xfail(reason="known")
def test_expected():
    assert False
"""
# In this process, and so without the plugin that warns of settings the outer run has made.
QUICK = ("-p", "no:asyncio")
MODULE = "import pytest\npytest.skip('needs root', allow_module_level=True)\n"


@pytest.fixture
def run(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    monkeypatch.delenv("CI", raising=False)
    return pytester


def test_each_reason_is_named_once_with_its_tests(run: pytest.Pytester) -> None:
    run.makepyfile(test_a=SKIPPING, test_b=MODULE)
    result = run.runpytest_inprocess(*QUICK)
    result.stdout.fnmatch_lines(
        ["*left out*", "test_b.py", "*why: needs root", "*test_kind, *test_olm", "*why: no Docker*"]
    )
    assert result.ret == 0


def test_under_ci_a_skip_fails_the_run(
    run: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CI", "true")
    run.makepyfile(SKIPPING)
    result = run.runpytest_inprocess(*QUICK)
    result.stdout.fnmatch_lines(["*nothing may be left out*"])
    assert result.ret == 1


def test_under_ci_a_skipped_module_alone_fails_the_run(
    run: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CI", "true")
    run.makepyfile(MODULE)
    assert run.runpytest_inprocess(*QUICK).ret == 1


def test_what_parallel_processes_skip_is_named_once_and_fails_the_run_too(
    run: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CI", "true")
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    run.makepyfile(test_a=SKIPPING, test_b=MODULE)
    plugins = ("-p", "xdist.plugin", "-p", "kopfkit.testing.plugin")
    result = run.runpytest_subprocess(*plugins, *QUICK, "-n2")
    text = result.stdout.str().partition(" left out ")[2]
    assert [text.count(name) for name in ("test_b.py", "test_kind", "test_olm")] == [1, 1, 1]
    assert [text.count(f"why: {why}") for why in ("needs root", "no Docker")] == [1, 1]
    assert result.ret == 1


def test_under_ci_a_run_without_skips_passes(
    run: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CI", "true")
    run.makepyfile("def test_runs(): pass")
    result = run.runpytest_inprocess(*QUICK)
    result.stdout.no_fnmatch_line("*left out*")
    assert result.ret == 0


def test_a_project_may_keep_the_list_and_drop_the_failure(
    run: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CI", "true")
    run.makeini("[pytest]\nkopfkit_skips_fail_in_ci = false")
    run.makepyfile(SKIPPING)
    result = run.runpytest_inprocess(*QUICK)
    result.stdout.fnmatch_lines(["*left out*"])
    assert result.ret == 0


def test_a_failure_stays_a_failure(run: pytest.Pytester) -> None:
    run.makepyfile(SKIPPING + "\ndef test_fails(): assert False\n")
    assert run.runpytest_inprocess(*QUICK).ret == 1


def test_the_plugin_costs_a_run_without_clusters_nothing(
    run: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    run.makepyfile(
        "import sys\n"
        "def test_light():\n"
        "    assert not {'kopfkit.cluster', 'kopfkit.host', 'kopfkit.toolchain'} & {*sys.modules}\n"
        "    assert 'cryptography' not in sys.modules\n"
    )
    run.runpytest_subprocess("-p", "kopfkit.testing.plugin").assert_outcomes(passed=1)
