"""The gap between contacts that are owed and contacts that are given, for each scenario of the catalogue."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

from lifecycle.page.choice import Choice
from lifecycle.page.figures.stages import Phase, phases
from lifecycle.page.marts import Marts
from lifecycle.settings import Settings

CATALOGUE = """
select scenario, name, german_name, description, german_description, stage, market, trigger, is_measured, after_days,
    due_within_days, channel, race, audience, recognised_by, recognised_as
from marts.contact_scenarios order by position
"""
MONTHS = """
select scenario, month, concerned, due, contacted_in_time, contacted_late, pending, not_contacted, held_out,
    not_contactable, not_due, contacts, opened, clicked, purchased, response_days, verdict, worth, worth_low,
    worth_high, worth_audience, worth_contacted, worth_held_out
from marts.contact_gap
where month between date_trunc('month', %(start)s::date) and %(end)s order by scenario, month
"""
DAYS = """
select scenario, day, sum(not_due) as not_due,
    sum(contacted_in_time) as contacted_in_time, sum(contacted_late) as contacted_late, sum(pending) as pending,
    sum(not_contacted) as not_contacted, sum(held_out) as held_out, sum(not_contactable) as not_contactable
from marts.contact_gap_daily where day between %(start)s and %(end)s and scenario = any(%(scenarios)s)
group by scenario, day order by scenario, day
"""
STANDINGS = """
select scenario, standing, exclusion, sum(concerned) as concerned,
    sum(contacted_in_time) as contacted_in_time, sum(contacted_late) as contacted_late, sum(pending) as pending,
    sum(not_contacted) as not_contacted, sum(held_out) as held_out, sum(not_contactable) as not_contactable
from marts.contact_gap_daily where day between %(start)s and %(end)s and scenario = any(%(scenarios)s)
group by scenario, standing, exclusion having sum(concerned) > 0 order by scenario, standing, exclusion
"""


@dataclass(frozen=True, slots=True)
class Scenario:
    """One contact of the catalogue, as it stands there."""

    scenario: str
    name: str
    german_name: str
    description: str | None
    german_description: str | None
    stage: str
    market: str
    trigger: str
    is_measured: bool
    after_days: int | None
    due_within_days: int | None
    channel: str
    race: str
    audience: str | None
    recognised_by: str | None
    recognised_as: str | None


@dataclass(frozen=True, slots=True)
class Ended:
    """How dues of a scenario ended; counts of people."""

    scenario: str
    contacted_in_time: int
    contacted_late: int
    pending: int
    not_contacted: int
    held_out: int
    not_contactable: int


@dataclass(frozen=True, slots=True)
class Month(Ended):
    """What a month's dues came to, and what is worth to do."""

    month: date
    concerned: int
    due: int
    not_due: int
    contacts: int
    opened: int | None
    clicked: int | None
    purchased: int | None
    response_days: int
    verdict: str | None
    worth: Decimal | None
    worth_low: Decimal | None
    worth_high: Decimal | None
    worth_audience: str | None
    worth_contacted: int | None
    worth_held_out: int | None

    @property
    def contacted(self) -> int:
        """Those who were due and contacted: the base of every response."""
        return self.contacted_in_time + self.contacted_late


@dataclass(frozen=True, slots=True)
class Day(Ended):
    """What the dues of one day came to."""

    day: date
    not_due: int


@dataclass(frozen=True, slots=True)
class Standing(Ended):
    """What the dues of those came to of whom a scenario's audience had decided so."""

    standing: str
    exclusion: str
    concerned: int


@dataclass(frozen=True, slots=True)
class Worth:
    """What it is worth to contact those who were not: so many times the lift that an experiment has measured."""

    people: int
    total: Decimal
    low: Decimal
    high: Decimal
    audience: str
    contacted: int
    held_out: int


@dataclass(frozen=True, slots=True)
class Line:
    """A scenario over the months of the range."""

    scenario: Scenario
    phase: Phase | None
    months: list[Month]
    verdict: str | None
    days: list[Day] = field(default_factory=list)
    standings: list[Standing] = field(default_factory=list)

    def total(self, figure: str) -> int:
        """The sum of a figure over the months."""
        return sum(getattr(month, figure) or 0 for month in self.months)

    def has(self, figure: str) -> bool:
        """Whether any month knows the figure: opens are of e-mail alone."""
        return any(getattr(month, figure) is not None for month in self.months)

    @property
    def worth(self) -> Worth | None:
        """The worth of the whole range, where an experiment tells of any."""
        told = [month for month in self.months if month.worth is not None]
        if not told:
            return None
        return Worth(
            sum(month.not_contacted for month in told),
            sum((month.worth or Decimal(0) for month in told), Decimal(0)),
            sum((month.worth_low or Decimal(0) for month in told), Decimal(0)),
            sum((month.worth_high or Decimal(0) for month in told), Decimal(0)),
            told[-1].worth_audience or "",
            told[-1].worth_contacted or 0,
            told[-1].worth_held_out or 0,
        )


@dataclass(frozen=True, slots=True)
class Gap:
    """All scenarios, and the columns that they stand in."""

    phases: list[Phase]
    lines: list[Line]

    @property
    def measured(self) -> list[Line]:
        """Those whose dues the warehouse can tell."""
        return [line for line in self.lines if line.scenario.is_measured]

    def total(self, figure: str) -> int:
        """The sum of a figure over the scenarios that are measured."""
        return sum(line.total(figure) for line in self.measured)


def read(marts: Marts, settings: Settings, choice: Choice, *, is_whole: bool = False) -> Gap:
    """Every scenario over the months that the range touches; ``is_whole``: with days and standings."""
    catalogue = marts.rows(Scenario, CATALOGUE)
    found = phases(marts, choice)
    months = marts.rows(Month, MONTHS, start=choice.start, end=choice.end)
    lines = [_line(each, found, months, settings.measuring.live_share) for each in catalogue]
    return Gap(found, _detailed(marts, choice, lines) if is_whole else lines)


def read_line(marts: Marts, settings: Settings, choice: Choice, scenario: str) -> Line | None:
    """One scenario with its days and standings; None if the catalogue has none of that name."""
    lines = [line for line in read(marts, settings, choice).lines if line.scenario.scenario == scenario]
    return next(iter(_detailed(marts, choice, lines)), None)


def verdict(scenario: Scenario, months: Iterable[Month], live_share: float) -> str | None:
    """The same rule as in the mart, over the sums of several months; None: nobody was due, or it is too early."""
    held = list(months)
    in_time, pending = (sum(getattr(month, name) for month in held) for name in ("contacted_in_time", "pending"))
    due, late = (sum(getattr(month, name) for month in held) for name in ("due", "contacted_late"))
    if not scenario.recognised_by:
        return "missing"
    if not scenario.is_measured:
        return "live" if any(month.contacts for month in held) else "planned"
    if due and in_time >= live_share * due:
        return "live"
    if in_time + pending >= live_share * due:
        return None
    return "partly" if in_time + late else "planned"


def _line(scenario: Scenario, found: list[Phase], months: list[Month], live_share: float) -> Line:
    own = [month for month in months if month.scenario == scenario.scenario]
    phase = next((phase for phase in found if scenario.stage in phase.stages), None)
    return Line(scenario, phase, own, verdict(scenario, own, live_share))


def _detailed(marts: Marts, choice: Choice, lines: list[Line]) -> list[Line]:
    first, last = choice.months
    asked = {"start": first, "end": last, "scenarios": [line.scenario.scenario for line in lines]}
    days, standings = marts.rows(Day, DAYS, **asked), marts.rows(Standing, STANDINGS, **asked)
    return [
        Line(
            line.scenario,
            line.phase,
            line.months,
            line.verdict,
            [day for day in days if day.scenario == line.scenario.scenario],
            [each for each in standings if each.scenario == line.scenario.scenario],
        )
        for line in lines
    ]
