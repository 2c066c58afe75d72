"""Stages: who is in which now and over time, who moved, who came, left and came back, and who was kept."""

from collections import Counter
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from lifecycle.page.choice import Choice
from lifecycle.page.marts import Marts
from lifecycle.page.words import NOTHING, words
from lifecycle.settings import ALL_SHOPS

#: More days than this are shown by the week.
MOST_DAYS = 120
COHORTS = 24

STAGE_ORDER = ("prospect", "new", "active", "at_risk", "lapsed", "lost")
NEW_CONTACTS = "none"

BALANCE = """
select stage,
    coalesce(sum(opening) filter (where day = %(start)s), 0)::bigint as opening,
    coalesce(sum(persons) filter (where day = %(end)s), 0)::bigint as persons
from marts.stage_daily where ruleset = %(ruleset)s and day in (%(start)s, %(end)s)
group by stage
"""
DAILY = """
select day, stage, persons::bigint from marts.stage_daily
where ruleset = %(ruleset)s and day between %(start)s and %(end)s and (%(end)s::date - day) %% %(step)s = 0
order by day, stage
"""
MOVES = """
select from_stage, to_stage, sum(persons)::bigint as persons from marts.stage_moves
where shop = %(shop)s and ruleset = %(ruleset)s and day between %(start)s and %(end)s
group by from_stage, to_stage order by from_stage, to_stage
"""
TURNS = """
select date_trunc(%(grain)s, day)::date as day,
    coalesce(sum(persons) filter (where from_stage = 'none'), 0)::bigint as entries,
    coalesce(sum(persons) filter (where from_stage in ('none', 'prospect') and to_stage <> 'prospect'), 0)::bigint
        as first_purchases,
    coalesce(sum(persons) filter (where to_stage = 'lapsed' and from_stage <> 'lost'), 0)::bigint as lapsed,
    coalesce(sum(persons) filter (where to_stage = 'lost'), 0)::bigint as lost,
    coalesce(sum(persons) filter (where is_win_back), 0)::bigint as win_backs
from marts.stage_moves
where shop = %(shop)s and ruleset = %(ruleset)s and day between %(start)s and %(end)s
group by 1 order by 1
"""
COHORT_MONTHS = """
select cohort_month, months_since, persons::bigint, buyers::bigint, retention from marts.cohorts
where month <= %(end)s and cohort_month > date_trunc('month', %(end)s::date) - make_interval(months => %(months)s)
order by cohort_month, months_since
"""
PHASES = """
select stage, phase from marts.framework_phases where framework = %(framework)s order by position, stage
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
        """How many more they are than at the beginning."""
        return self.persons - self.opening


@dataclass(frozen=True, slots=True)
class Move:
    """How many moved from one phase to another; None: they were not known before."""

    start: Phase
    end: Phase
    persons: int


@dataclass(frozen=True, slots=True)
class Turn:
    """What happened on a day, or in the week that begins with it."""

    day: date
    entries: int
    first_purchases: int
    lapsed: int
    lost: int
    win_backs: int


@dataclass(frozen=True, slots=True)
class CohortMonth:
    """Of the persons who bought first in ``cohort_month``, who bought so many months later."""

    cohort_month: date
    months_since: int
    persons: int
    buyers: int
    retention: Decimal


@dataclass(frozen=True, slots=True)
class Stages:
    """Everything about stages; ``daily`` maps each day to the number of persons in each phase."""

    phases: list[Phase]
    tiles: list[Tile]
    daily: dict[date, list[int]]
    moves: list[Move]
    turns: list[Turn]
    is_weekly: bool
    cohorts: list[CohortMonth]


@dataclass(frozen=True, slots=True)
class _Mapped:
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
class _Step:
    from_stage: str
    to_stage: str
    persons: int


def read(marts: Marts, choice: Choice) -> Stages:
    """All figures of stages, in the words of the chosen framework."""
    found = phases(marts, choice)
    grain = "week" if choice.days > MOST_DAYS else "day"
    values = {"start": choice.start, "end": choice.end, "ruleset": choice.ruleset, "shop": choice.shop}
    balances = marts.rows(_Balance, _of_shop(BALANCE, "stage_daily", choice), **values)
    days = marts.rows(_Day, _of_shop(DAILY, "stage_daily", choice), **values, step=7 if grain == "week" else 1)
    return Stages(
        found,
        _tiles(found, balances),
        _daily(found, days),
        _moves(found, marts.rows(_Step, MOVES, **values), choice),
        marts.rows(Turn, TURNS, **values, grain=grain),
        grain == "week",
        marts.rows(CohortMonth, _of_shop(COHORT_MONTHS, "cohorts", choice), **values, months=COHORTS),
    )


def phases(marts: Marts, choice: Choice) -> list[Phase]:
    """The phases of the chosen framework in the order of the stages."""
    say = words(choice.language)
    if choice.framework == "stage":
        return [Phase(stage, say.stage(stage), (stage,)) for stage in STAGE_ORDER]
    grouped: dict[str, list[str]] = {}
    for row in marts.rows(_Mapped, PHASES, framework=choice.framework):
        grouped.setdefault(row.phase, []).append(row.stage)
    none = say.text("No phase")
    return [Phase(held[0], none if phase == NOTHING else phase, tuple(held)) for phase, held in grouped.items()]


def phase_of(found: list[Phase]) -> dict[str, Phase]:
    """Stage → the phase that holds it."""
    return {stage: phase for phase in found for stage in phase.stages}


def _of_shop(query: str, table: str, choice: Choice) -> str:
    """The same query of one shop's figures."""
    if choice.shop == ALL_SHOPS:
        return query
    return query.replace(f"marts.{table} where", f"marts.{table}_by_shop where shop = %(shop)s and").replace(
        f"marts.{table}\nwhere", f"marts.{table}_by_shop\nwhere shop = %(shop)s and"
    )


def _tiles(found: list[Phase], balances: list[_Balance]) -> list[Tile]:
    if not balances:
        return []
    now = {row.stage: row.persons for row in balances}
    before = {row.stage: row.opening for row in balances}
    everybody = sum(now.values())
    tiles = []
    for phase in found:
        persons = sum(now.get(stage, 0) for stage in phase.stages)
        opening = sum(before.get(stage, 0) for stage in phase.stages)
        tiles.append(Tile(phase, persons, opening, persons / everybody if everybody else 0.0))
    return tiles


def _daily(found: list[Phase], days: list[_Day]) -> dict[date, list[int]]:
    place = {stage: index for index, phase in enumerate(found) for stage in phase.stages}
    daily: dict[date, list[int]] = {}
    for row in days:
        if row.stage in place:
            daily.setdefault(row.day, [0] * len(found))[place[row.stage]] += row.persons
    return daily


def _moves(found: list[Phase], steps: list[_Step], choice: Choice) -> list[Move]:
    """Moves between phases; those within a phase drop out."""
    entry = Phase(NEW_CONTACTS, words(choice.language).stage(NEW_CONTACTS), (NEW_CONTACTS,))
    holding = {**phase_of(found), NEW_CONTACTS: entry}
    sums: Counter[tuple[Phase, Phase]] = Counter()
    for step in steps:
        start, end = holding.get(step.from_stage), holding.get(step.to_stage)
        if start and end and start != end:
            sums[start, end] += step.persons
    order = [entry, *found]
    ranked = sorted(sums.items(), key=lambda move: (order.index(move[0][0]), order.index(move[0][1])))
    return [Move(start, end, persons) for (start, end), persons in ranked if persons]
