"""Objects of a custom resource, generated from the CRD's own schemas.

    from kopfkit.testing.generation import objects

    @given(objects(CRD, "v1"))
    def test_...(obj): ...

What is generated is what the API server takes: types, limits, enums, formats, patterns and CEL
rules are respected, optional fields come and go, limits are reached. `form="junk"` generates what
may lie in storage from before there were rules: anything in any place; `form="newer"` what a later
release wrote: fields that the schema does not have yet.

One generator serves two sources of chance (`choices`): Hypothesis, which shrinks what fails, and a
seeded `random.Random`, which is some twenty times as fast and made for runs over a million objects.
"""

from kopfkit.testing.generation.choices import Choices, RandomChoices
from kopfkit.testing.generation.objects import Form, ObjectMaker, objects, values

__all__ = ["Choices", "Form", "ObjectMaker", "RandomChoices", "objects", "values"]
