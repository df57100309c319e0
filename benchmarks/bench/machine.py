"""What the kernel says about processes and the machine (/proc), in seconds and megabytes."""

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

_TICK = os.sysconf("SC_CLK_TCK")


def cpu_seconds(pid: int) -> float:
    """User and system time that a process has used; 0.0 if there is none (proc(5), stat)."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return 0.0
    fields = text.rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICK


def rss_megabytes(pid: int) -> float:
    """Resident memory in 10^6 bytes; 0.0 if there is no such process."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0.0
    return next(
        (int(line.split()[1]) * 1024 / 1e6 for line in lines if line.startswith("VmRSS:")), 0.0
    )


def busy_seconds() -> float:
    """Processor time that the whole machine has used since it started."""
    words = Path("/proc/stat").read_text().split("\n", 1)[0].split()
    user, nice, system, _idle, _wait, irq, softirq = map(int, words[1:8])
    return (user + nice + system + irq + softirq) / _TICK


def load() -> float:
    """The load average of the last minute."""
    return os.getloadavg()[0]


@dataclass
class Strangers:
    """How much processor time goes to processes that are not part of the measurement."""

    pids: tuple[int, ...]
    busy: float
    ours: float

    @classmethod
    def watch(cls, pids: Iterable[int]) -> "Strangers":
        """Begin to count; this process counts as ours."""
        known = (os.getpid(), *pids)
        return cls(known, busy_seconds(), sum(map(cpu_seconds, known)))

    def seconds(self) -> float:
        """What others have used since then."""
        ours = sum(map(cpu_seconds, self.pids)) - self.ours
        return max(0.0, busy_seconds() - self.busy - ours)
