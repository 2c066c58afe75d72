"""Stages: people in each stage now and over time, moves, gains and losses, and cohorts."""

from collections import Counter
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from lifecycle.page.filters import Filters
from lifecycle.page.locales import DASH, Locale, locale_of
from lifecycle.page.marts import Marts
from lifecycle.settings import ALL_SHOPS, STAGES

#: Longer ranges are shown by week.
MAX_DAYS = 120
COHORTS = 24

NEW_CONTACTS = "none"

BALANCE = """
select stage,
    coalesce(sum(opening) filter (where day = %(start)s), 0)::bigint as opening,
    coalesce(sum(persons) filter (where day = %(end)s), 0)::bigint as persons
from $marts.stage_daily where ruleset = %(ruleset)s and day in (%(start)s, %(end)s)
group by stage
"""
DAILY = """
select day, stage, persons::bigint from $marts.stage_daily
where ruleset = %(ruleset)s and day between %(start)s and %(end)s and (%(end)s::date - day) %% %(step)s = 0
order by day, stage
"""
MOVES = """
select from_stage, to_stage, sum(persons)::bigint as persons from $marts.stage_moves
where shop = %(shop)s and ruleset = %(ruleset)s and day between %(start)s and %(end)s
group by from_stage, to_stage order by from_stage, to_stage
"""
TIMELINE = """
select date_trunc(%(grain)s, day)::date as day,
    coalesce(sum(persons) filter (where from_stage = 'none'), 0)::bigint as entries,
    coalesce(sum(persons) filter (where from_stage in ('none', 'prospect') and to_stage <> 'prospect'), 0)::bigint
        as first_purchases,
    coalesce(sum(persons) filter (where to_stage = 'lapsed' and from_stage <> 'lost'), 0)::bigint as lapsed,
    coalesce(sum(persons) filter (where to_stage = 'lost'), 0)::bigint as lost,
    coalesce(sum(persons) filter (where is_win_back), 0)::bigint as win_backs
from $marts.stage_moves
where shop = %(shop)s and ruleset = %(ruleset)s and day between %(start)s and %(end)s
group by 1 order by 1
"""
COHORT_MONTHS = """
select cohort_month, months_since, persons::bigint, buyers::bigint, retention from $marts.cohorts
where month <= %(end)s and cohort_month > date_trunc('month', %(end)s::date) - make_interval(months => %(months)s)
order by cohort_month, months_since
"""
PHASES = """
select stage, phase from $marts.framework_phases where framework = %(framework)s order by position, stage
"""


@dataclass(frozen=True, slots=True)
class Phase:
    """One or more stages under one name; ``key`` names its colour, which is that of its first stage."""

    key: str
    label: str
    stages: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Tile:
    """A phase at the end of the range; ``opening`` is the number at its beginning."""

    phase: Phase
    persons: int
    opening: int
    share: float

    @property
    def change(self) -> int:
        """The change since the beginning."""
        return self.persons - self.opening


@dataclass(frozen=True, slots=True)
class Move:
    """How many people moved from one phase to another."""

    start: Phase
    end: Phase
    persons: int


@dataclass(frozen=True, slots=True)
class TimelinePoint:
    """Gains and losses of a day, or of the week that begins with it."""

    day: date
    entries: int
    first_purchases: int
    lapsed: int
    lost: int
    win_backs: int


@dataclass(frozen=True, slots=True)
class CohortMonth:
    """The people who first bought in ``cohort_month``, and how many of them bought ``months_since`` months later."""

    cohort_month: date
    months_since: int
    persons: int
    buyers: int
    retention: Decimal


@dataclass(frozen=True, slots=True)
class Stages:
    """All figures of stages; ``daily`` maps each day to the number of persons in each phase."""

    phases: list[Phase]
    tiles: list[Tile]
    daily: dict[date, list[int]]
    moves: list[Move]
    timeline: list[TimelinePoint]
    is_weekly: bool
    cohorts: list[CohortMonth]


@dataclass(frozen=True, slots=True)
class _PhaseOfStage:
    stage: str
    phase: str


@dataclass(frozen=True, slots=True)
class _Balance:
    stage: str
    opening: int
    persons: int


@dataclass(frozen=True, slots=True)
class _Day:
    day: date
    stage: str
    persons: int


@dataclass(frozen=True, slots=True)
class _StageMove:
    from_stage: str
    to_stage: str
    persons: int


def read(marts: Marts, filters: Filters) -> Stages:
    """All figures of stages, by the phases of the chosen framework."""
    columns = phases(marts, filters)
    grain = "week" if filters.days > MAX_DAYS else "day"
    values = {"start": filters.start, "end": filters.end, "ruleset": filters.ruleset, "shop": filters.shop}
    balances = marts.rows(_Balance, _of_shop(BALANCE, "stage_daily", filters), **values)
    days = marts.rows(_Day, _of_shop(DAILY, "stage_daily", filters), **values, step=7 if grain == "week" else 1)
    return Stages(
        columns,
        _tiles(columns, balances),
        _daily(columns, days),
        _moves(columns, marts.rows(_StageMove, MOVES, **values), filters),
        marts.rows(TimelinePoint, TIMELINE, **values, grain=grain),
        grain == "week",
        marts.rows(CohortMonth, _of_shop(COHORT_MONTHS, "cohorts", filters), **values, months=COHORTS),
    )


def phases(marts: Marts, filters: Filters) -> list[Phase]:
    """The phases of the chosen framework in the order of the stages."""
    locale = locale_of(filters.language)
    if filters.framework == "stage":
        return [Phase(stage, locale.stage(stage), (stage,)) for stage in STAGES]
    grouped: dict[str, list[str]] = {}
    for row in marts.rows(_PhaseOfStage, PHASES, framework=filters.framework):
        grouped.setdefault(row.phase, []).append(row.stage)
    return [Phase(stages[0], _phase_label(phase, locale), tuple(stages)) for phase, stages in grouped.items()]


def _phase_label(phase: str, locale: Locale) -> str:
    return locale.text("No phase") if phase == DASH else locale.spelled(phase)


def phase_of(columns: list[Phase]) -> dict[str, Phase]:
    """Stage → its phase."""
    return {stage: phase for phase in columns for stage in phase.stages}


def _of_shop(query: str, table: str, filters: Filters) -> str:
    """The same query for the figures of one shop."""
    if filters.shop == ALL_SHOPS:
        return query
    return query.replace(f"$marts.{table} where", f"$marts.{table}_by_shop where shop = %(shop)s and").replace(
        f"$marts.{table}\nwhere", f"$marts.{table}_by_shop\nwhere shop = %(shop)s and"
    )


def _tiles(columns: list[Phase], balances: list[_Balance]) -> list[Tile]:
    if not balances:
        return []
    now = {row.stage: row.persons for row in balances}
    before = {row.stage: row.opening for row in balances}
    everybody = sum(now.values())
    tiles = []
    for phase in columns:
        persons = sum(now.get(stage, 0) for stage in phase.stages)
        opening = sum(before.get(stage, 0) for stage in phase.stages)
        tiles.append(Tile(phase, persons, opening, persons / everybody if everybody else 0.0))
    return tiles


def _daily(columns: list[Phase], days: list[_Day]) -> dict[date, list[int]]:
    position = {stage: index for index, phase in enumerate(columns) for stage in phase.stages}
    daily: dict[date, list[int]] = {}
    for row in days:
        if row.stage in position:
            daily.setdefault(row.day, [0] * len(columns))[position[row.stage]] += row.persons
    return daily


def _moves(columns: list[Phase], stage_moves: list[_StageMove], filters: Filters) -> list[Move]:
    """Moves between phases; those within a phase drop out."""
    entry = Phase(NEW_CONTACTS, locale_of(filters.language).stage(NEW_CONTACTS), (NEW_CONTACTS,))
    phase_by_stage = {**phase_of(columns), NEW_CONTACTS: entry}
    sums: Counter[tuple[Phase, Phase]] = Counter()
    for move in stage_moves:
        start, end = phase_by_stage.get(move.from_stage), phase_by_stage.get(move.to_stage)
        if start and end and start != end:
            sums[start, end] += move.persons
    order = [entry, *columns]
    ranked = sorted(sums.items(), key=lambda move: (order.index(move[0][0]), order.index(move[0][1])))
    return [Move(start, end, persons) for (start, end), persons in ranked if persons]
