"""A disk that is full or read-only is told in one line, whatever was being written."""

import errno
import os

import pytest

from kopfkit import cli


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EROFS])
def test_a_disk_that_cannot_be_written_is_told_in_one_line(
    number: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def write(**_: object) -> None:
        raise OSError(number, os.strerror(number), "/cache/x")

    monkeypatch.setattr(cli.kopfkit, "main", write)
    with pytest.raises(SystemExit) as ended:
        cli.main([])
    assert ended.value.code == 1
    error, hint = capsys.readouterr().err.splitlines()
    assert error == f"error: /cache/x: cannot be written ({os.strerror(number)})"
    assert "space" in hint


def test_another_error_of_the_system_keeps_its_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(**_: object) -> None:
        raise OSError(errno.EINVAL, "strange")

    monkeypatch.setattr(cli.kopfkit, "main", fail)
    with pytest.raises(OSError, match="strange"):
        cli.main([])
