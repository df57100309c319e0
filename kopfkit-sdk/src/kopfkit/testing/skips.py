"""Names at the end of a test run every part that was left out, and why; and where the environment
says CI=true, fails the run for it: a machine that promises to test everything must not quietly
test less. The ini option `kopfkit_skips_fail_in_ci = false` keeps the list and drops the failure.
"""

import os
from typing import Any

import pytest

OPTION = "kopfkit_skips_fail_in_ci"
# Where a process of pytest-xdist leaves what it tells the one that started it.
_WORKER = "kopfkit_skipped_modules"


class SkipReport:
    """Collects what was skipped in one run."""

    def __init__(self, config: pytest.Config) -> None:
        self._strict = os.environ.get("CI", "").lower() in ("1", "true") and config.getini(OPTION)
        self._reasons: dict[str, list[str]] = {}
        self._modules: list[tuple[str, str]] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        # An expected failure is reported as skipped too; it did run.
        if report.skipped and not hasattr(report, "wasxfail"):
            self._note(report)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.skipped:
            self._note(report)
            self._modules.append((report.nodeid, _reason(report)))

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        """A process of pytest-xdist has ended: it reports skipped tests, but not skipped modules,
        which every process has collected."""
        for nodeid, reason in getattr(node, "workeroutput", {}).get(_WORKER, ()):
            if nodeid not in self._reasons.setdefault(reason, []):
                self._reasons[reason].append(nodeid)

    # Before the terminal reporter's own, which prints the summary from inside its wrapper.
    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        output = getattr(session.config, "workeroutput", None)
        if output is not None:
            output[_WORKER] = self._modules
        elif (
            self._reasons and self._strict and exitstatus in (0, pytest.ExitCode.NO_TESTS_COLLECTED)
        ):
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if not self._reasons:
            return
        terminalreporter.section("left out", sep="=", yellow=True)
        for reason, parts in self._reasons.items():
            shown = ", ".join(parts[:5]) + (f" and {len(parts) - 5} more" if parts[5:] else "")
            terminalreporter.line(f"{shown}\n    why: {reason}")
        if self._strict:
            terminalreporter.line("CI=true: nothing may be left out, so this run failed", red=True)

    def _note(self, report: pytest.TestReport | pytest.CollectReport) -> None:
        self._reasons.setdefault(_reason(report), []).append(report.nodeid)


def _reason(report: pytest.TestReport | pytest.CollectReport) -> str:
    reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
    return str(reason).removeprefix("Skipped: ")
