"""Several converters that answer as one: one webhook for all kinds of an operator."""

from collections.abc import Iterable
from typing import Any, TypeAlias

from kopfkit.conversion.converter import Converter, name_of
from kopfkit.conversion.errors import ConversionError
from kopfkit.errors import KopfkitError


class Converters:
    """Converts the objects of several kinds, each by its own converter.

    Args:
        converters: one for each kind.

    Raises:
        KopfkitError: two are for one kind.
    """

    def __init__(self, converters: Iterable[Converter]) -> None:
        self._by_kind: dict[tuple[str, str], Converter] = {}
        for each in converters:
            if (each.group, each.kind) in self._by_kind:
                raise KopfkitError(
                    f"conversion of {each.kind}",
                    f"two converters are given for {each.kind} of {each.group}",
                    "Give one Converter, with a Spoke for each version.",
                )
            self._by_kind[each.group, each.kind] = each
        self._versions = {
            version: each.short(version)
            for each in self._by_kind.values()
            for version in each.api_versions
        }

    def prepare(self) -> None:
        """As `Converter.prepare`, of all."""
        for each in self._by_kind.values():
            each.prepare()

    @property
    def api_versions(self) -> list[str]:
        """Every apiVersion that one of the converters knows."""
        return [*self._versions]

    def short(self, api_version: object) -> str:
        """ "v1" of "example.com/v1"; "" for what no converter knows."""
        return self._versions.get(api_version, "") if isinstance(api_version, str) else ""

    def convert(self, obj: Any, api_version: str) -> dict[str, Any]:
        """The object in another version, by the converter of its kind. As `Converter.convert`."""
        if not isinstance(obj, dict):
            raise ConversionError(name_of(obj), f"is not an object but {type(obj).__name__}")
        group, kind = api_version.rpartition("/")[0], obj.get("kind")
        converter = self._by_kind.get((group, kind)) if isinstance(kind, str) else None
        if converter is None:
            known = ", ".join(f"{kind} ({group})" for group, kind in self._by_kind)
            text = f"is of no kind that is converted in {group!r}, known are {known}"
            raise ConversionError(name_of(obj), text)
        return converter.convert(obj, api_version)


AnyConverter: TypeAlias = Converter | Converters
"""What a conversion server is given."""
