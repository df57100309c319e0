"""Go's regular expressions (RE2) as Python's, where the two mean different things.

`pattern` in a schema and `matches` in a rule are Go's. Python reads nearly all of them alike; the
rest is translated here: `$` is the very end of the text, classes such as `\\d` are ASCII, `[` needs
no escape inside a class, and `\\z` is spelt `\\Z`.
"""

import functools
import re
import warnings


@functools.lru_cache(maxsize=1024)
def python_regex(pattern: str) -> "re.Pattern[str]":
    """The compiled Python equivalent of a Go pattern. Raises re.error for what neither knows."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        return re.compile(translated(pattern), re.ASCII)


def translated(pattern: str) -> str:
    """Python's spelling of a Go pattern, for re.ASCII."""
    out: list[str] = []
    position, in_class = 0, False
    while position < len(pattern):
        sign = pattern[position]
        pair = pattern[position : position + 2]
        if sign == "\\":
            out.append({"\\z": "\\Z"}.get(pair, pair))
            position += 2
            continue
        if in_class and sign == "[" and not pattern.startswith("[:", position):
            out.append("\\[")
        elif in_class and sign == "]":
            in_class = False
            out.append(sign)
        elif not in_class and sign == "[":
            in_class = True
            # A "]" right after the opening is a member of the class.
            opening = re.match(r"\[\^?\]?", pattern[position:])
            assert opening is not None
            out.append(opening[0])
            position += len(opening[0])
            continue
        elif not in_class and sign == "$":
            out.append("\\Z")
        else:
            out.append(sign)
        position += 1
    return "".join(out)
