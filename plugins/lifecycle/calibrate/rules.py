"""The rule sets' versions: what the marketer's file says, and the days that are learnt from gaps between purchases.

A version is never changed; the migration that makes ``statistics.ruleset_version`` says which one holds on a day. What
is learnt again holds from the day after: no earlier decision changes. What the marketer changes in the file holds for
all of history.
"""

import logging
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields, replace
from datetime import date, timedelta

from psycopg import sql
from psycopg.rows import class_row

from lifecycle import warehouse
from lifecycle.errors import SettingsInvalid, Stop
from lifecycle.settings import RuleSet, Settings

#: The beginning of all history, as PostgreSQL knows it.
ALWAYS = "-infinity"
LEARNT = ("shop", "personal")

# The credibility constant is Bühlmann's and Straub's: K = v / a, the variance within persons over the variance between
# them, estimated without bias. n gaps of one's own then weigh n / (n + K). Where persons do not differ, or no person
# has two gaps, own gaps say next to nothing: K is a thousand million.
GAPS = """
with persons as (
    select person_id
    from $marts.persons
    where %(customers)s = 'all' or (account_id is not null) = (%(customers)s = 'b2b')
),
days as (
    select distinct person_id, purchase_days.business_day as day
    from $marts.purchase_days
    join persons using (person_id)
    where business_day <= %(run_date)s and (%(shops)s::text[] is null or shop = any(%(shops)s))
),
intervals as (
    select person_id, day - lag(day) over (partition by person_id order by day) as gap
    from days
),
gaps as (
    select person_id, gap::double precision as gap from intervals where gap is not null
),
by_person as (
    select person_id, count(*)::double precision as gaps, avg(gap) as mean, count(*) * var_pop(gap) as within_squares
    from gaps
    group by person_id
),
whole as (
    select coalesce(sum(gaps), 0) as gaps, count(*) as persons, sum(gaps * mean) / sum(gaps) as mean,
        sum(gaps ^ 2) as squared_gaps, sum(within_squares) as within_squares
    from by_person
),
within as (
    select whole.*, within_squares / nullif(gaps - persons, 0) as variance from whole
),
variances as (
    select within.gaps, within.mean, within.variance as within_variance,
        ((select sum(by_person.gaps * (by_person.mean - within.mean) ^ 2) from by_person)
            - (persons - 1) * within.variance)
        / nullif(within.gaps - squared_gaps / nullif(within.gaps, 0), 0) as between_variance
    from within
),
quantiles as (
    select percentile_cont(%(quantiles)s::double precision[]) within group (order by gap) as days from gaps
)
select variances.gaps::bigint, variances.mean,
    case when between_variance > 0 then least(greatest(within_variance / between_variance, 1e-6), 1e9) else 1e9 end,
    array(select ceil(round(day::numeric, 6))::integer from unnest(quantiles.days) with ordinality as d (day, position)
        order by position)
from variances, quantiles
"""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Version:
    """What one version of a rule set says; the columns of ``statistics.ruleset_version`` of the same names."""

    kind: str
    at_risk_days: int
    lapsed_days: int
    lost_days: int
    new_max_days: int | None
    at_least_days: int
    mean_gap_days: float | None
    credibility_gaps: float | None
    gaps: int

    def is_learnt(self) -> bool:
        """Whether its days come from gaps."""
        return self.kind in LEARNT and self.gaps > 0


@dataclass(frozen=True, slots=True)
class Gaps:
    """The gaps, in days, between persons' consecutive purchase days, and their quantiles in whole days."""

    gaps: int
    mean: float | None
    credibility: float
    quantiles: list[int]


def register_rulesets(url: str, settings: Settings, run_date: date) -> int:
    """Store a new version of each rule set that the file has changed or added; return how many are new."""
    with warehouse.connect(url) as connection:
        return _register(connection, settings, run_date)


def freeze(url: str, settings: Settings, run_date: date, names: Sequence[str] | None = None) -> dict[str, int]:
    """Learn the rule sets with these names, or all, from purchases up to a date; return {rule set: gaps}.

    Of a fixed rule set only the figures about its gaps are stored. Raises ``SettingsInvalid`` for a name that the file
    does not have, and ``Stop`` if a rule set that is to be learnt has too few gaps; then nothing is stored.
    """
    rulesets = _named(settings, names)
    with warehouse.connect(url) as connection:
        _register(connection, settings, run_date)
        known = _newest(connection)
        gaps = {name: measure(connection, ruleset, run_date) for name, ruleset in rulesets.items()}
        _stop_if_too_few(rulesets, gaps)
        for name, ruleset in rulesets.items():
            if gaps[name].gaps >= ruleset.min_gaps:
                again = known[name].is_learnt()
                holds_from = str(run_date + timedelta(days=1)) if again else ALWAYS
                _add(connection, name, learnt(ruleset, known[name], gaps[name]), holds_from, run_date)
    log.info("%d rule sets learnt for %s", len(rulesets), run_date)
    return {name: each.gaps for name, each in gaps.items()}


def measure(connection: warehouse.Connection, ruleset: RuleSet, run_date: date) -> Gaps:
    """The gaps of a rule set's customers in its shops, as known on a date."""
    values = {
        "customers": ruleset.customers,
        "shops": ruleset.shops,
        "run_date": run_date,
        "quantiles": [ruleset.at_risk.quantile, ruleset.lapsed.quantile, ruleset.lost.quantile],
    }
    row = connection.execute(GAPS, values).fetchone()
    return Gaps(*row) if row else Gaps(0, None, 0, [])


def required_version(ruleset: RuleSet, known: Version | None) -> Version:
    """The newest version that the file asks for; what was learnt stays, as long as the file asks for learning."""
    version = Version(
        kind=ruleset.kind,
        at_risk_days=ruleset.at_risk.after_days,
        lapsed_days=ruleset.lapsed.after_days,
        lost_days=ruleset.lost.after_days,
        new_max_days=ruleset.new.max_days,
        at_least_days=ruleset.at_least_days,
        mean_gap_days=None,
        credibility_gaps=ruleset.credibility_gaps,
        gaps=0,
    )
    if not known or (ruleset.kind in LEARNT and not known.is_learnt()):
        return version
    profiled = replace(
        version,
        mean_gap_days=known.mean_gap_days,
        credibility_gaps=ruleset.credibility_gaps or known.credibility_gaps,
        gaps=known.gaps,
    )
    if ruleset.kind not in LEARNT:
        return profiled
    return replace(profiled, at_risk_days=known.at_risk_days, lapsed_days=known.lapsed_days, lost_days=known.lost_days)


def learnt(ruleset: RuleSet, known: Version, gaps: Gaps) -> Version:
    """A rule set's version with the days learnt from its gaps."""
    profiled = replace(
        known,
        mean_gap_days=gaps.mean,
        credibility_gaps=ruleset.credibility_gaps or gaps.credibility,
        gaps=gaps.gaps,
    )
    if ruleset.kind not in LEARNT:
        return profiled
    at_risk, lapsed, lost = one_after_the_other(gaps.quantiles)
    return replace(profiled, at_risk_days=at_risk, lapsed_days=lapsed, lost_days=lost)


def one_after_the_other(days: Sequence[int]) -> list[int]:
    """Days that never fall, moved apart as little as makes each at least 1 and later than the one before."""
    apart: list[int] = []
    for day in days:
        apart.append(max(day, apart[-1] + 1 if apart else 1))
    return apart


def _named(settings: Settings, names: Sequence[str] | None) -> dict[str, RuleSet]:
    known = settings.stages.rulesets
    unknown = [name for name in names or () if name not in known]
    if unknown:
        message = f"no rule sets: {unknown}; valid values: {', '.join(known)}"
        raise SettingsInvalid(message)
    return {name: known[name] for name in known if not names or name in names}


def _stop_if_too_few(rulesets: dict[str, RuleSet], gaps: dict[str, Gaps]) -> None:
    short = [
        f"rule set {name!r} has {gaps[name].gaps} gaps between purchase days and needs {ruleset.min_gaps}"
        for name, ruleset in rulesets.items()
        if ruleset.kind in LEARNT and gaps[name].gaps < ruleset.min_gaps
    ]
    if short:
        message = f"{'; '.join(short)}: wait, lower its min_gaps, or name only the other rule sets. Nothing is stored"
        raise Stop(message)


def _register(connection: warehouse.Connection, settings: Settings, run_date: date) -> int:
    connection.execute("lock table $statistics.ruleset_version in share row exclusive mode")
    known = _newest(connection)
    wanted = {name: required_version(ruleset, known.get(name)) for name, ruleset in settings.stages.rulesets.items()}
    changed = [name for name in wanted if wanted[name] != known.get(name)]
    for name in changed:
        _add(connection, name, wanted[name], ALWAYS, run_date)
    return len(changed)


def _newest(connection: warehouse.Connection) -> dict[str, Version]:
    columns = sql.SQL(", ").join(sql.Identifier(field.name) for field in fields(Version))
    newest = sql.SQL("from $statistics.ruleset_version order by ruleset, version desc")
    names = connection.execute(sql.SQL("select distinct on (ruleset) ruleset {}").format(newest)).fetchall()
    with connection.cursor(row_factory=class_row(Version)) as cursor:
        versions = cursor.execute(sql.SQL("select distinct on (ruleset) {} {}").format(columns, newest)).fetchall()
    return dict(zip([name for (name,) in names], versions, strict=True))


def _add(connection: warehouse.Connection, name: str, version: Version, holds_from: str, run_date: date) -> None:
    columns = asdict(version)
    connection.execute(
        sql.SQL(
            """
            insert into $statistics.ruleset_version (ruleset, version, valid_from, made_for, {columns})
            select %(ruleset)s, coalesce(max(version), 0) + 1, %(valid_from)s::date, %(made_for)s, {values}
            from $statistics.ruleset_version
            where ruleset = %(ruleset)s
            """
        ).format(
            columns=sql.SQL(", ").join(map(sql.Identifier, columns)),
            values=sql.SQL(", ").join(map(sql.Placeholder, columns)),
        ),
        {**columns, "ruleset": name, "valid_from": holds_from, "made_for": run_date},
    )
