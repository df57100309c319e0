"""Parcels, whose spec and status are Pydantic models."""

from pydantic import Field, field_validator

from kopfkit.controller import Context, Controller, Object, Operator
from kopfkit.controller.kinds import CONFIG_MAPS
from kopfkit.crd import CustomResource, Version
from kopfkit.crd.pydantic import ConditionedStatus, Model


class Label(Model):
    """What is written on it."""

    street_name: str = Field("", max_length=20, description="Where it goes.")


class Spec(Model):
    """The parcel that is wanted."""

    weight: int = Field(1, ge=1, le=9, description="In kilograms.")
    label: Label = Field(Label(), description="What is written on it.")

    @field_validator("weight")
    @classmethod
    def not_seven(cls, weight: int) -> int:
        if weight == 7:
            raise ValueError("7 kilograms are too many for one and too few for two")
        return weight


class Status(ConditionedStatus):
    """What was observed."""

    total_weight: int | None = Field(None, ge=0, description="With its box.")


V1 = Version("v1", Spec, Status, "A parcel.", storage=True)
PARCEL = CustomResource("tests.example.com", "Parcel", "parcels", [V1])
SAMPLES = [{"apiVersion": "tests.example.com/v1", "kind": "Parcel", "metadata": {"name": "one"}}]


async def reconcile(parcel: Object[Spec, Status], ctx: Context) -> None:
    data = {"street": parcel.spec.label.street_name}
    await ctx.apply({"apiVersion": "v1", "kind": "ConfigMap", "data": data})
    parcel.status.total_weight = parcel.spec.weight + 1
    ctx.condition("Available", True, "Packed")


OPERATOR = Operator(
    "parcels", "1.0.0", [Controller(PARCEL, V1, reconcile=reconcile).owns(CONFIG_MAPS)]
)

if __name__ == "__main__":
    OPERATOR.main()
