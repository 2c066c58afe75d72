"""What every section of the marketer's file is made of."""

from typing import Annotated, Literal, get_args
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BaseModel, ConfigDict, Field


def _known_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        message = f"{name!r} is not a valid time zone; use an IANA name such as Europe/Zurich"
        raise ValueError(message) from None
    return name


def _five_fields(cron: str) -> str:
    from croniter import croniter

    if not croniter.is_valid(cron):
        message = f"{cron!r} is not a valid cron expression; use five fields such as '30 3 * * *'"
        raise ValueError(message)
    return cron


TimeZone = Annotated[str, AfterValidator(_known_zone)]
Cron = Annotated[str, AfterValidator(_five_fields)]
Currency = Annotated[str, Field(pattern="^[A-Z]{3}$")]
#: Single underscores only: dlt would join several in the name of a schema.
Name = Annotated[str, Field(pattern="^[a-z][a-z0-9]*(_[a-z0-9]+)*$", max_length=40)]
Days = Annotated[int, Field(ge=1, le=36500)]
Stage = Literal["prospect", "new", "active", "at_risk", "lapsed", "lost"]
#: In the order in which a customer passes them.
STAGES: tuple[Stage, ...] = get_args(Stage)


class Section(BaseModel):
    """A part of the file: no key that is not known, no value of another type."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)
