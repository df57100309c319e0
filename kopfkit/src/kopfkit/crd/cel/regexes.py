"""Go's regular expressions (RE2) as Python's, where the two mean different things.

`pattern` in a schema and `matches` in a rule are Go's. Python reads nearly all of them alike; the
rest is translated here: `$` is the very end of the text, classes such as `\\d` are ASCII, `\\s` has
no vertical tab, `[` needs no escape inside a class, which may hold POSIX classes (`[:alpha:]`),
`{,2}` is a text, and `\\z` is spelt `\\Z`.
"""

import functools
import re
import warnings

# regexp/syntax of Go, and re2's syntax page.
_POSIX = {
    "alnum": "0-9A-Za-z",
    "alpha": "A-Za-z",
    "ascii": "\\x00-\\x7f",
    "blank": "\\t ",
    "cntrl": "\\x00-\\x1f\\x7f",
    "digit": "0-9",
    "graph": "!-~",
    "lower": "a-z",
    "print": " -~",
    "punct": "!-/:-@\\[-`{-~",
    "space": "\\t\\n\\v\\f\\r ",
    "upper": "A-Z",
    "word": "0-9A-Za-z_",
    "xdigit": "0-9A-Fa-f",
}
_SPACE = "\\t\\n\\f\\r "
_CLASS = re.compile(r"\[:(?P<not>\^?)(?P<name>[a-z]+):\]")


@functools.lru_cache(maxsize=1024)
def python_regex(pattern: str) -> "re.Pattern[str]":
    """The compiled Python equivalent of a Go pattern. Raises re.error for what neither knows."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        try:
            return re.compile(translated(pattern), re.ASCII)
        except (OverflowError, RecursionError) as error:
            raise re.error(str(error), pattern) from None


def translated(pattern: str) -> str:
    """Python's spelling of a Go pattern, for re.ASCII."""
    out: list[str] = []
    position, in_class = 0, False
    while position < len(pattern):
        sign = pattern[position]
        posix = _CLASS.match(pattern, position) if in_class and sign == "[" else None
        if sign == "\\":
            out.append(_escape(pattern[position : position + 2], in_class))
            position += 2
            continue
        if posix is not None:
            out.append(_posix(posix, pattern))
            position = posix.end()
            continue
        if in_class and sign == "[":
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
        elif not in_class and pattern.startswith("{,", position):
            out.append("\\{")
        else:
            out.append(sign)
        position += 1
    return "".join(out)


def _escape(pair: str, in_class: bool) -> str:
    if pair == "\\z" and not in_class:
        return "\\Z"
    if pair == "\\s":
        return _SPACE if in_class else f"[{_SPACE}]"
    if pair == "\\S":
        return _complement(_SPACE) if in_class else f"[^{_SPACE}]"
    if pair in ("\\Z", "\\u", "\\U", "\\N"):
        # Python's own, of which Go knows none.
        raise re.error(f"bad escape {pair}", pair)
    return pair


def _posix(found: "re.Match[str]", pattern: str) -> str:
    members = _POSIX.get(found["name"])
    if members is None:
        raise re.error(f"no class {found[0]}", pattern)
    return _complement(members) if found["not"] else members


def _complement(members: str) -> str:
    """The members of a class of ASCII characters that has all but these."""
    member = re.compile(f"[{members}]")
    others = "".join(f"\\x{code:02x}" for code in range(128) if not member.match(chr(code)))
    return f"{others}\\x80-\\U0010ffff"
