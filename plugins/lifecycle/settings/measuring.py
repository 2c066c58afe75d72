"""How the gap is measured: what counts as in time, late, a response, and live."""

from typing import Annotated

from pydantic import Field

from lifecycle.settings.section import Days, Section


class Measuring(Section):
    """Days and shares that ``marts.contact_gap`` and ``marts.audience_effects`` go by.

    ``months`` are calendar months, the run date's included; a contact within ``late_days`` after its time is over is
    late, and later it is none; of those due, ``live_share`` must be contacted in time for a scenario to be live.
    """

    months: Annotated[int, Field(ge=1, le=60)] = 13
    late_days: Annotated[int, Field(ge=0, le=365)] = 30
    response_days: Days = 14
    live_share: Annotated[float, Field(gt=0, le=1)] = 0.8
    effect_days: Days = 28
