"""Reads YAML and JSON texts and files; whatever is wrong with one is a DocumentError.

A text that begins with a brace is tried as JSON first, one object after the other, as Kubernetes'
YAMLOrJSONDecoder does, by its content and not by the file's name. The parser is libyaml's where
PyYAML has it, else PyYAML's own, with the same results.
"""

import os
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import yaml
from yaml.reader import ReaderError

from kopfkit.yamls import jsons
from kopfkit.yamls.composing import MAX_DEPTH, Composer
from kopfkit.yamls.errors import DocumentError

# A manifest's, whichever tool looks for manifests in a directory.
ENDINGS = (".yaml", ".yml", ".json")
# Bytes of a file, so that memory is bounded: published catalogs have some ten million.
LARGEST = 256 << 20
_PARSER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_BOM = b"\xef\xbb\xbf"


def load(data: str | bytes, name: str = "YAML") -> Any:
    """The one document of a text; None where there is none.

    Args:
        data: the text; bytes are UTF-8, or UTF-16 with a byte order mark.
        name: what to call it in an error, best a path.

    Raises:
        DocumentError: it is not YAML as Kubernetes reads it, has a key twice, or has more than one
            document.
    """
    found = [(line, document) for line, document in _documents(data, name) if document is not None]
    if len(found) > 1:
        raise DocumentError(name, found[1][0], "a second document begins here; one is expected")
    return found[0][1] if found else None


def load_all(data: str | bytes, name: str = "YAML") -> list[Any]:
    """The documents of a text. Those that are empty or null are left out, as kubectl does.

    Raises:
        DocumentError: as `load`, but there may be any number of documents.
    """
    return [document for _, document in _documents(data, name) if document is not None]


def read(path: Path, name: str = "") -> Any:
    """`load` for a file.

    Args:
        name: what to call it in an error; its path if "".

    Raises:
        DocumentError: as `load`, or the file cannot be read.
    """
    return load(_bytes(path, name or str(path)), name or str(path))


def read_all(path: Path, name: str = "") -> list[Any]:
    """`load_all` for a file; see `read`."""
    return load_all(_bytes(path, name or str(path)), name or str(path))


def each(path: Path, name: str = "") -> Iterator[tuple[int, Any]]:
    """The documents of a file, one at a time, each with the line in which it begins; see `read`."""
    name = name or str(path)
    found = _stream(_bytes(path, name), name)
    return ((line, document) for line, document in found if document is not None)


def _bytes(path: Path, name: str) -> bytes:
    try:
        with path.open("rb") as file:
            # A file says its size at once, a pipe does not.
            known = os.fstat(file.fileno()).st_size
            data = b"" if known > LARGEST else file.read(LARGEST + 1)
    except OSError as error:
        raise DocumentError(name, 0, f"cannot be read ({error.strerror})") from None
    if max(known, len(data)) > LARGEST:
        raise DocumentError(name, 0, f"is larger than {LARGEST >> 20} MiB", "Split the file.")
    return data


def _documents(data: str | bytes, name: str) -> list[tuple[int, Any]]:
    # libyaml refuses half a surrogate pair, which UTF-8 does not have, as any other bad byte.
    raw = data.encode("utf-8", "surrogatepass") if isinstance(data, str) else data
    return list(_stream(raw, name))


def _stream(raw: bytes, name: str) -> Iterator[tuple[int, Any]]:
    given = 0
    if raw.removeprefix(_BOM).lstrip()[:1] == b"{":
        try:
            for found in jsons.documents(raw.removeprefix(_BOM).decode(), MAX_DEPTH):
                yield found
                given += 1
            return
        except jsons.Twice as error:
            # Of where it is the JSON parser knows nothing; that document alone is parsed again.
            yield from _parsed(b"\n" * error.line + error.text.encode(), name)
            return
        except ValueError:
            pass  # YAML's braces, or a fault that the YAML parser finds with its line
    yield from islice(_parsed(raw, name), given, None)


def _parsed(raw: bytes, name: str) -> Iterator[tuple[int, Any]]:
    try:
        yield from Composer(name, _PARSER(raw).get_event).documents()
    except ReaderError as error:
        line = raw.count(b"\n", 0, error.position) + 1
        shown = f"{error.reason} (byte {error.character!r})" if error.character else error.reason
        raise DocumentError(name, line, f"is not text: {shown}", "Save it as UTF-8.") from None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        why = ", ".join(filter(None, (error.problem, error.context)))
        line = mark.line if mark else -1
        lines = raw.splitlines()
        tab = mark and line < len(lines) and lines[line][mark.column :][:1] == b"\t"
        hint = "Indent with spaces: YAML has no tabs there." if tab else ""
        raise DocumentError(name, line + 1, f"is not YAML: {why}", hint) from None
    except yaml.YAMLError as error:
        raise DocumentError(name, 0, f"is not YAML: {' '.join(str(error).split())}") from None
