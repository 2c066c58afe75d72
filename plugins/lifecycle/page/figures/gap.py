"""Gap analysis: for each scenario of the catalogue, the contacts that were due, sent and missing."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

from lifecycle.page.figures.stages import Phase, phases
from lifecycle.page.filters import Filters
from lifecycle.page.marts import Marts
from lifecycle.settings import Settings

CATALOGUE = """
select scenario, name, german_name, description, german_description, stage, market, trigger, is_measured, after_days,
    due_within_days, channel, race, audience, recognised_by, recognised_as
from $marts.contact_scenarios order by position
"""
MONTHS = """
select scenario, month, concerned, due, contacted_in_time, contacted_late, pending, not_contacted, held_out,
    not_contactable, not_due, contacts, opened, clicked, purchased, response_days, verdict, worth, worth_low,
    worth_high, worth_audience, worth_contacted, worth_held_out
from $marts.contact_gap
where month between date_trunc('month', %(start)s::date) and %(end)s order by scenario, month
"""
DAYS = """
select scenario, day, sum(not_due) as not_due,
    sum(contacted_in_time) as contacted_in_time, sum(contacted_late) as contacted_late, sum(pending) as pending,
    sum(not_contacted) as not_contacted, sum(held_out) as held_out, sum(not_contactable) as not_contactable
from $marts.contact_gap_daily where day between %(start)s and %(end)s and scenario = any(%(scenarios)s)
group by scenario, day order by scenario, day
"""
AUDIENCE_STATUSES = """
select scenario, standing, exclusion, sum(concerned) as concerned,
    sum(contacted_in_time) as contacted_in_time, sum(contacted_late) as contacted_late, sum(pending) as pending,
    sum(not_contacted) as not_contacted, sum(held_out) as held_out, sum(not_contactable) as not_contactable
from $marts.contact_gap_daily where day between %(start)s and %(end)s and scenario = any(%(scenarios)s)
group by scenario, standing, exclusion having sum(concerned) > 0 order by scenario, standing, exclusion
"""


@dataclass(frozen=True, slots=True)
class Scenario:
    """One contact of the catalogue."""

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
class DueOutcomes:
    """What became of a scenario's due contacts; counts of people."""

    scenario: str
    contacted_in_time: int
    contacted_late: int
    pending: int
    not_contacted: int
    held_out: int
    not_contactable: int


@dataclass(frozen=True, slots=True)
class Month(DueOutcomes):
    """A month's due contacts, responses, and the value of the missing ones."""

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
        """People who were due and contacted: the base of every response rate."""
        return self.contacted_in_time + self.contacted_late


@dataclass(frozen=True, slots=True)
class Day(DueOutcomes):
    """The due contacts of one day."""

    day: date
    not_due: int


@dataclass(frozen=True, slots=True)
class AudienceStatus(DueOutcomes):
    """The due contacts of the people with one status in the scenario's audience."""

    standing: str
    exclusion: str
    concerned: int


@dataclass(frozen=True, slots=True)
class Worth:
    """The value of the missing contacts: people times the lift that an experiment has measured."""

    people: int
    total: Decimal
    low: Decimal
    high: Decimal
    audience: str
    contacted: int
    held_out: int


@dataclass(frozen=True, slots=True)
class ScenarioResult:
    """A scenario over the months of the range."""

    scenario: Scenario
    phase: Phase | None
    months: list[Month]
    verdict: str | None
    days: list[Day] = field(default_factory=list)
    audience_statuses: list[AudienceStatus] = field(default_factory=list)

    def total(self, figure: str) -> int:
        """The sum of a figure over the months."""
        return sum(getattr(month, figure) or 0 for month in self.months)

    def has(self, figure: str) -> bool:
        """Whether any month has the figure: opens exist for email only."""
        return any(getattr(month, figure) is not None for month in self.months)

    @property
    def worth(self) -> Worth | None:
        """The worth of the whole range; None if no experiment has shown an effect."""
        estimated = [month for month in self.months if month.worth is not None]
        if not estimated:
            return None
        return Worth(
            sum(month.not_contacted for month in estimated),
            sum((month.worth or Decimal(0) for month in estimated), Decimal(0)),
            sum((month.worth_low or Decimal(0) for month in estimated), Decimal(0)),
            sum((month.worth_high or Decimal(0) for month in estimated), Decimal(0)),
            estimated[-1].worth_audience or "",
            estimated[-1].worth_contacted or 0,
            estimated[-1].worth_held_out or 0,
        )


@dataclass(frozen=True, slots=True)
class Gap:
    """All scenarios, and the columns of their table."""

    phases: list[Phase]
    results: list[ScenarioResult]

    @property
    def measured(self) -> list[ScenarioResult]:
        """The scenarios whose due contacts are known."""
        return [result for result in self.results if result.scenario.is_measured]

    def total(self, figure: str) -> int:
        """The sum of a figure over the scenarios that are measured."""
        return sum(result.total(figure) for result in self.measured)


def read(marts: Marts, settings: Settings, filters: Filters, *, is_whole: bool = False) -> Gap:
    """Every scenario over the months that the range touches; ``is_whole``: with days and audience statuses."""
    catalogue = marts.rows(Scenario, CATALOGUE)
    columns = phases(marts, filters)
    months = marts.rows(Month, MONTHS, start=filters.start, end=filters.end)
    results = [_result(scenario, columns, months, settings.measuring.live_share) for scenario in catalogue]
    return Gap(columns, _detailed(marts, filters, results) if is_whole else results)


def read_scenario(marts: Marts, settings: Settings, filters: Filters, scenario: str) -> ScenarioResult | None:
    """One scenario with its days and audience_statuses; None if the catalogue has none of that name."""
    results = [result for result in read(marts, settings, filters).results if result.scenario.scenario == scenario]
    return next(iter(_detailed(marts, filters, results)), None)


def verdict(scenario: Scenario, months: Iterable[Month], live_share: float) -> str | None:
    """The rule of ``marts.contact_gap``, over several months; None: nobody was due, or it is too early."""
    months = list(months)
    in_time, pending = (sum(getattr(month, name) for month in months) for name in ("contacted_in_time", "pending"))
    due, late = (sum(getattr(month, name) for month in months) for name in ("due", "contacted_late"))
    if not scenario.recognised_by:
        return "missing"
    if not scenario.is_measured:
        return "live" if any(month.contacts for month in months) else "planned"
    if due and in_time >= live_share * due:
        return "live"
    if in_time + pending >= live_share * due:
        return None
    return "partly" if in_time + late else "planned"


def _result(scenario: Scenario, columns: list[Phase], months: list[Month], live_share: float) -> ScenarioResult:
    own = [month for month in months if month.scenario == scenario.scenario]
    phase = next((phase for phase in columns if scenario.stage in phase.stages), None)
    return ScenarioResult(scenario, phase, own, verdict(scenario, own, live_share))


def _detailed(marts: Marts, filters: Filters, results: list[ScenarioResult]) -> list[ScenarioResult]:
    first, last = filters.months
    parameters = {"start": first, "end": last, "scenarios": [result.scenario.scenario for result in results]}
    days, audience_statuses = (
        marts.rows(Day, DAYS, **parameters),
        marts.rows(AudienceStatus, AUDIENCE_STATUSES, **parameters),
    )
    return [
        ScenarioResult(
            result.scenario,
            result.phase,
            result.months,
            result.verdict,
            [day for day in days if day.scenario == result.scenario.scenario],
            [status for status in audience_statuses if status.scenario == result.scenario.scenario],
        )
        for result in results
    ]
