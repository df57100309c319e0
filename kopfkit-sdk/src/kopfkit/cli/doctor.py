"""`kopfkit doctor`: what stands between a kopf project and OLM."""

from pathlib import Path

import click

from kopfkit.cli._output import output_option


@click.command()
@click.argument(
    "directory", type=click.Path(exists=True, file_okay=False, path_type=Path), default="."
)
@output_option("sarif")
def doctor(directory: Path, output: str) -> None:
    """Say what stands between a kopf project and OLM.

    Read are the Python and YAML files of DIRECTORY (default: the current one) and its Dockerfile;
    nothing is imported, run or written. Exits with 1 if an error was found.
    """
    from kopfkit.cli._bundlereport import Fault, Outcome, show
    from kopfkit.doctor import ERROR, diagnose

    found = diagnose(directory)
    outcome = Outcome(asked=list(found.looked), notes=list(found.notes))
    for one in found.findings:
        file = directory / one.file
        place = f"{file}:{one.line}" if one.line else str(file)
        outcome.faults.append(Fault(place, "", f"{one.why}. {one.hint}", one.rule, one.severity))
    show(outcome, output, "doctor")
    raise SystemExit(outcome.fails(ERROR))
