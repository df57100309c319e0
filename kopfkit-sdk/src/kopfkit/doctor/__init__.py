"""What stands between a kopf project and OLM, read from its files; nothing of it is imported."""

from kopfkit.doctor.diagnosis import Diagnosis, diagnose
from kopfkit.doctor.findings import ERROR, WARNING, Finding

__all__ = ["ERROR", "WARNING", "Diagnosis", "Finding", "diagnose"]
