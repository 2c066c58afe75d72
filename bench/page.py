"""What the marketers' page takes to answer, and what its figures cost a night: ``make bench NAME=page``.

A shop of ``PERSONS`` and one of a hundredth of it, each with the project's own models built, a delivery planned, and
messages that the provider delivered. The page is served on 127.0.0.1 and asked ``REQUESTS`` times for each view;
shown are the median and the slowest.

Ratios, all from one run:

- ``page_1m_vs_10k``: the page over the large shop, over the small one: it reads counts, so persons cost it nothing;
- ``figures_vs_night``: the database time of the models of gap, effects and page in a night on which 1 % of the persons
  change, over that of all models.
"""

import statistics
import time
from datetime import timedelta
from typing import Any

import httpx

from bench import stages
from demo import postgres
from lifecycle import page, plan
from lifecycle.testing.server import running

PERSONS = 1_000_000
REQUESTS = 20
#: Most customers of most shops buy a few times at most.
LASTING = 0.8

#: Models that nothing but the page reads.
FIGURES = (
    "contact_scenarios", "int_scenario_due_contacts", "int_scenario_contacts",
    "int_scenario_matches", "int_scenario_responses", "int_scenario_months", "contact_gap_daily", "contact_gap",
    "int_effect_memberships", "int_effect_experiments", "int_effect_sums", "audience_effects", "int_shop_persons",
    "stage_moves", "stage_daily_by_shop", "cohorts_by_shop", "engagement_by_stage", "engagement_daily",
)  # fmt: skip

MESSAGES = """
insert into staging.stg_sendgrid__messages
    (message_id, source, email, subject, status, opens, clicks, last_event_at, loaded_at, is_deleted)
select 'esp/m' || number, 'esp', 'p' || 1 + floor(random() * {persons})::int || '@example.com',
    'Campaign ' || number % 30, 'delivered', (random() < 0.25)::int, (random() < 0.05)::int,
    date '{last_day}' - floor(random() * 390)::int + interval '9 hours', '{last_day}', false
from generate_series(1, 3 * {persons}) as number;
analyze staging.stg_sendgrid__messages
"""

# Decided two months ago, so that effects have something to tell.
AGED = "update delivery.decision set since_on = since_on - 60"

NIGHTS = """
insert into quality.result (run_date, gate, suite, expectation, severity, success)
select date '{last_day}' - night, gate, 'suite' || number, 'expectation', 'critical', true
from generate_series(0, 60) as night, generate_series(1, 40) as number, unnest(array['raw', 'marts']) as gate;
insert into raw.pull (source, stream, run_date, started_at, finished_at, pages, documents, changed, cursor_at)
select 'bench', stream, date '{last_day}' - night, date '{last_day}' - night, date '{last_day}' - night, 1, 1, 1, null
from generate_series(0, 60) as night, unnest(array['orders', 'customers', 'products']) as stream
"""


def shop(name: str, persons: int) -> stages.Shop:
    """A shop whose marts are there, after a first night."""
    made = stages.shop(name, persons, LASTING)
    for statement in (MESSAGES, NIGHTS):
        made.query(statement.format(persons=persons, last_day=stages.LAST_DAY))
    made.build("path:models")
    plan.run(made.url, made.night, stages.rules(), is_dry_run=True)
    made.query(AGED)
    return made


def night(made: stages.Shop, persons: int) -> dict[str, float]:
    """Seconds of the models of another night on which 1 % of the persons change: the page's, and all."""
    models = made.next_night(round(persons * stages.CHANGES), ["path:models"])
    nodes = {name: seconds for name, seconds in models.items() if name not in stages.TOTALS}
    figures = sum(nodes[name] for name in FIGURES)
    slowest = max(FIGURES, key=lambda name: nodes[name])
    return {"figures": figures, "all": sum(nodes.values()), slowest: nodes[slowest]}


def views(made: stages.Shop) -> dict[str, str]:
    """Name → address of what a marketer asks for."""
    year = f"/?from={made.night - timedelta(days=365)}&to={made.night}"
    person = made.query("select person_id from marts.persons order by person_id limit 1")
    return {"page": "/", "page_365_days": year, "scenario": "/gap/newsletter", "person": f"/person?id={person}"}


def answers(made: stages.Shop) -> dict[str, tuple[float, float]]:
    """View → median and longest milliseconds until the whole answer is there."""
    url = postgres.reading_login(stages.HOME, made.url.rpartition("/")[2])
    policy = page.AccessPolicy(
        figures=lambda: None,
        people=lambda: None,
        user=lambda: "bench",
        may_see_people=lambda: True,
        warehouse=lambda: url,
    )
    found = {}
    with running(page.application(stages.rules(), policy)) as address, httpx.Client(base_url=address) as client:
        for name, view in views(made).items():
            times = [_milliseconds(client, view) for _ in range(REQUESTS + 1)][1:]
            found[name] = (statistics.median(times), max(times))
    return found


def _milliseconds(client: httpx.Client, view: str) -> float:
    began = time.perf_counter()
    client.get(view).raise_for_status()
    return 1000 * (time.perf_counter() - began)


def measured(persons: int) -> dict[str, Any]:
    """All figures."""
    few, many = shop("few", persons // 100), shop("many", persons)
    small, large = answers(few), answers(many)
    seconds = night(many, persons)
    shown = {f"{name}_ms": round(median) for name, (median, _) in large.items()}
    slowest = {f"{name}_slowest_ms": round(longest) for name, (_, longest) in large.items()}
    return {
        "persons": persons,
        "orders": many.query("select count(*) from intermediate.int_orders"),
        "messages": many.query("select count(*) from marts.messages"),
        **shown,
        **slowest,
        **{f"night_{name}_seconds": round(value, 1) for name, value in seconds.items()},
        "page_1m_vs_10k": round(large["page"][0] / small["page"][0], 2),
        "figures_vs_night": round(seconds["figures"] / seconds["all"], 3),
    }


if __name__ == "__main__":
    stages.run("page", PERSONS, measured)
