"""Messages over time, and engagement by stage."""

from dataclasses import dataclass
from datetime import date

from lifecycle.page.figures.stages import MAX_DAYS
from lifecycle.page.filters import Filters
from lifecycle.page.marts import Marts

DAILY = """
select date_trunc(%(grain)s, day)::date as day, sum(delivered)::bigint as delivered, sum(opened)::bigint as opened,
    sum(clicked)::bigint as clicked, sum(bounced)::bigint as bounced, sum(unsubscribed)::bigint as unsubscribed
from $marts.engagement_daily where day between %(start)s and %(end)s group by 1
having sum(delivered) + sum(bounced) + sum(unsubscribed) > 0 order by 1
"""
BY_STAGE = """
select stage, engagement, sum(persons)::bigint as persons from $marts.engagement_by_stage
group by stage, engagement order by stage, engagement
"""


@dataclass(frozen=True, slots=True)
class Day:
    """Messages by day of delivery; bounces and unsubscribes by the day on which they happened."""

    day: date
    delivered: int
    opened: int
    clicked: int
    bounced: int
    unsubscribed: int


@dataclass(frozen=True, slots=True)
class StageEngagement:
    """The people of one stage with one level of engagement, as of the last night."""

    stage: str
    engagement: str
    persons: int


@dataclass(frozen=True, slots=True)
class Engagement:
    """Messages over time, and persons by stage."""

    days: list[Day]
    by_stage: list[StageEngagement]

    @property
    def stages(self) -> dict[str, dict[str, int]]:
        """Stage → engagement → persons."""
        table: dict[str, dict[str, int]] = {}
        for row in self.by_stage:
            table.setdefault(row.stage, {})[row.engagement] = row.persons
        return table


def read(marts: Marts, filters: Filters) -> Engagement:
    """Messages of the range, persons as of the last night."""
    grain = "week" if filters.days > MAX_DAYS else "day"
    return Engagement(
        marts.rows(Day, DAILY, grain=grain, start=filters.start, end=filters.end), marts.rows(StageEngagement, BY_STAGE)
    )
