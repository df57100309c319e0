"""The API server's messages as conditions and Events carry them: one line, without dumped objects.

A refusal quotes what it refuses, as JSON (`Invalid value: {"capabilities":{...}}`), as a Go value
(`core.SecurityContext{...}`) or as a diff over many lines. The field and the reason stand around
that; the log has the message as it came.
"""

from typing import Final

# Characters of a sentence; an Event's note has room for two of them.
LONGEST: Final = 500
# Characters of a quoted value, a list or a bracketed group that is kept as it is.
_KEPT: Final = 60
_CUT: Final = "..."
_CLOSING: Final = {"{": "}", "[": "]", '"': '"'}


def sentence(message: str) -> str:
    """A message of the API server, shortened.

    Objects become `{...}`, long lists `[...]`, long quoted texts keep their beginning. What is then
    still longer than LONGEST is cut at a word.

    Args:
        message: any text.
    """
    text = _without_values(" ".join(message.split())).rstrip(":; ")
    if len(text) <= LONGEST:
        return text
    head = text[: LONGEST - len(_CUT) - 1]
    return f"{head.rpartition(' ')[0] or head} {_CUT}"


def _without_values(text: str) -> str:
    made, at = [], 0
    while at < len(text):
        one = text[at]
        end = _end(text, at) if one in _CLOSING else at
        made.append(_short(text[at : end + 1]))
        at = end + 1
    return "".join(made)


def _short(part: str) -> str:
    """One character of prose, or a whole value."""
    if len(part) == 1 or part == "{}":
        return part
    small = len(part) <= _KEPT
    if part[0] == '"':
        # An object that was written down as a text is no better than one that was not.
        if small and "{" not in part:
            return part
        return f'{part[: _KEPT // 2].partition("{")[0]}{_CUT}"'
    if part[0] == "{":
        return part if small and not set(part) & set(':"\\') else f"{{{_CUT}}}"
    return part if small and "{" not in part else f"[{_CUT}]"


def _end(text: str, start: int) -> int:
    """The index of the last character of the value that begins at `start`: the text's own where
    nothing closes it, since it was cut then; `start` where no value begins, but prose, such as a
    list of errors (`[spec.x: Required value, ...]`)."""
    if text[start] == "[" and text[start + 1 : start + 2] not in ("{", '"', "["):
        return start
    expected: list[str] = []
    at = start
    while at < len(text):
        one = text[at]
        if expected and expected[-1] == '"':
            if one == "\\":
                at += 1
            elif one == '"':
                expected.pop()
        elif expected and one == expected[-1]:
            expected.pop()
        elif one in _CLOSING:
            expected.append(_CLOSING[one])
        if not expected:
            break
        at += 1
    return min(at, len(text) - 1)
