"""The effect of contacts: contacted people compared with a control group held out at random."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from lifecycle.page.marts import Marts

EFFECTS = """
select audience, metric, window_days, started_on, through_on, contacted, held_out, contacted_mean, held_out_mean, lift,
    low, high, always_low, always_high, is_split_as_planned, verdict
from $marts.audience_effects
order by audience, case metric when 'clicked' then 1 when 'ordered' then 2 else 3 end
"""


@dataclass(frozen=True, slots=True)
class Effect:
    """One metric of one audience; means are shares, or money per person for revenue."""

    audience: str
    metric: str
    window_days: int
    started_on: date | None
    through_on: date | None
    contacted: int
    held_out: int
    contacted_mean: Decimal | None
    held_out_mean: Decimal | None
    lift: Decimal | None
    low: Decimal | None
    high: Decimal | None
    always_low: Decimal | None
    always_high: Decimal | None
    is_split_as_planned: bool | None
    verdict: str


def read(marts: Marts) -> list[Effect]:
    """Every audience that has had a control group, as of the last night."""
    return marts.rows(Effect, EFFECTS)
