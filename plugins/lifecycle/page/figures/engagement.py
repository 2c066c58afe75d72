"""Messages and who reads them: the second axis, apart from the stages."""

from dataclasses import dataclass
from datetime import date

from lifecycle.page.choice import Choice
from lifecycle.page.figures.stages import MOST_DAYS
from lifecycle.page.marts import Marts

DAILY = """
select date_trunc(%(grain)s, day)::date as day, sum(delivered)::bigint as delivered, sum(opened)::bigint as opened,
    sum(clicked)::bigint as clicked, sum(bounced)::bigint as bounced, sum(unsubscribed)::bigint as unsubscribed
from marts.engagement_daily where day between %(start)s and %(end)s group by 1
having sum(delivered) + sum(bounced) + sum(unsubscribed) > 0 order by 1
"""
BY_STAGE = """
select stage, engagement, sum(persons)::bigint as persons from marts.engagement_by_stage
group by stage, engagement order by stage, engagement
"""


@dataclass(frozen=True, slots=True)
class Day:
    """Messages by the day of their delivery, addresses by the day on which they were lost."""

    day: date
    delivered: int
    opened: int
    clicked: int
    bounced: int
    unsubscribed: int


@dataclass(frozen=True, slots=True)
class Engaged:
    """How many of a stage are so engaged, as of the last night."""

    stage: str
    engagement: str
    persons: int


@dataclass(frozen=True, slots=True)
class Engagement:
    """Messages over time, and persons by stage."""

    days: list[Day]
    by_stage: list[Engaged]

    @property
    def stages(self) -> dict[str, dict[str, int]]:
        """Stage → engagement → persons."""
        table: dict[str, dict[str, int]] = {}
        for row in self.by_stage:
            table.setdefault(row.stage, {})[row.engagement] = row.persons
        return table


def read(marts: Marts, choice: Choice) -> Engagement:
    """Messages of the range, persons as of the last night."""
    grain = "week" if choice.days > MOST_DAYS else "day"
    return Engagement(
        marts.rows(Day, DAILY, grain=grain, start=choice.start, end=choice.end), marts.rows(Engaged, BY_STAGE)
    )
