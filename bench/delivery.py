"""Planning and sending at size: ``make bench NAME=delivery``.

- ``plan_vs_hash``: a plan for a million people and ten audiences, of whom 1 % changed since the last, over the time
  that Postgres needs to hash the same rows once (``md5`` of each row's text);
- ``contacts_per_second``: contacts built and encoded as SendGrid wants them, and joined to the bodies of requests, by
  one process;
- ``peak_mb_100k``, ``peak_mb_2m``: the largest resident memory of a process that delivers that many contacts to a
  server that takes them all;
- ``requests_vs_minimum``: the requests of that delivery over the fewest that the provider's limits allow;
- ``writes_when_nothing_changed``: the writing requests of a night with nothing to send;
- ``reconcile_peak_mb_1m``: the largest resident memory of a process that reads a list of a million contacts back and
  compares it with the ledger;
- ``reupload_factor_one_bad_row``: the contacts uploaded over those of a full batch, of which the provider refuses one
  without saying which.
"""

import json
import math
import os
import statistics
import sys
import time
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

import psycopg

from bench import _readback, _sink
from demo import marts, postgres
from demo.chaos.night import AUDIENCES as CHAOS_AUDIENCES
from demo.chaos.night import rules
from lifecycle import deliver, plan, reconcile, settings, warehouse
from lifecycle.destinations.sendgrid import writer as sendgrid
from lifecycle.settings import CUSTOMER_COLUMNS, FIELD_PREFIX, STANDARD_COLUMNS

PEOPLE, AUDIENCES, CHANGED = 1_000_000, 10, 0.01
SMALL, LARGE = 100_000, 2_000_000
PAIRS = 2
RUN_DATE = date(2025, 12, 31)
HOME = Path("build/bench/postgres")
RESULT = Path("build/bench/delivery.json")
LISTS = (["VIP"], ["At risk", "VIP"], ["Lapsed"])
FIELDS = {FIELD_PREFIX + column: CUSTOMER_COLUMNS[column] for column in STANDARD_COLUMNS}
PAYLOAD = """jsonb_build_object('lifecycle_stage', 'active', 'lifecycle_stage_since', '2025-11-03',
    'lifecycle_previous_stage', 'at_risk', 'lifecycle_orders', n % 17, 'lifecycle_revenue', (n % 9999) / 100.0,
    'lifecycle_last_order_on', '2025-11-03')"""

# Everybody matches the rule of every audience; 35 % of the rows are members, 5 % are held out. The keys are made last.
MARTS = """
alter table $marts.contact_fields drop constraint contact_fields_pkey;
alter table $marts.audience_decisions drop constraint audience_decisions_pkey;
alter table $marts.audience_members drop constraint audience_members_pkey;
insert into $marts.contact_fields
select md5(n::text)::uuid as person_id, 'person' || n || '@example.com' as email, %(payload)s as fields
from generate_series(1, %(people)s) as n;
insert into $marts.audience_decisions
select 'audience_' || a as audience, md5(n::text)::uuid as person_id, 'Lifecycle: ' || a as list_name, 50 as priority,
    case when place = 0 then 'holdout' when place < 8 then 'member' else 'excluded' end as outcome,
    case when place >= 8 then 'lower priority' end as exclusion,
    'stage active since 2025-11-03' as reason
from generate_series(1, %(people)s) as n, generate_series(1, %(audiences)s) as a,
    lateral (select (n * 7 + a * 3) % 20 as place) as places;
insert into $marts.audience_members
select audience, person_id, email, list_name, priority, outcome = 'holdout' as is_holdout, reason
from $marts.audience_decisions inner join $marts.contact_fields using (person_id) where outcome <> 'excluded';
alter table $marts.contact_fields add primary key (person_id);
alter table $marts.audience_decisions add primary key (audience, person_id);
alter table $marts.audience_members add primary key (audience, person_id);
"""

# The provider carries a plan out, to the row.
CONFIRM = """
insert into delivery.ledger as known (account_id, person_id, email, fields, lists, confirmed_at, run_id)
select 1, person_id, email, desired, add_lists, now(), run_id from delivery.plan where run_id = %(run_id)s
on conflict (account_id, person_id) do update
set fields = excluded.fields,
    lists = array(select unnest(known.lists) union select unnest(excluded.lists) order by 1)
"""

# One person in a hundred: other fields, and one audience more.
CHANGE = """
create temporary table changed as
select person_id, email, 'audience_' || abs(hashtext(person_id::text)) % %(audiences)s + 1 as audience
from marts.contact_fields where abs(hashtext(person_id::text || '%(night)s')) % %(one_in)s = 0;
update marts.contact_fields set fields = fields || jsonb_build_object('lifecycle_orders', 100 + %(night)s)
from changed where changed.person_id = contact_fields.person_id;
update marts.audience_decisions set outcome = 'member', exclusion = null
from changed
where changed.person_id = audience_decisions.person_id and changed.audience = audience_decisions.audience
    and outcome = 'excluded';
insert into marts.audience_members
select audience, person_id, email, list_name, priority, false, reason
from changed inner join marts.audience_decisions using (person_id, audience)
on conflict do nothing
"""

HASH = """
select (select count(md5(row::text)) from marts.audience_decisions as row),
    (select count(md5(row::text)) from marts.audience_members as row),
    (select count(md5(row::text)) from marts.contact_fields as row)
"""

TO_SEND = """
insert into delivery.plan (run_id, person_id, email, change, payload, desired, add_lists, remove_lists)
select 1, md5(n::text)::uuid, 'person' || n || '@example.com', 'create', %(payload)s, %(payload)s,
    case n % %(groups)s when 0 then array['VIP'] when 1 then array['At risk', 'VIP'] else array['Lapsed'] end,
    array[]::text[]
from generate_series(1, %(contacts)s) as n
"""


def timed(url: str, *statements: str, **values: int) -> float:
    """Seconds that statements take, with numbers put where they name them."""
    sizes = {"people": PEOPLE, "audiences": AUDIENCES, "one_in": round(1 / CHANGED)}
    began = time.perf_counter()
    with warehouse.connect(url, autocommit=True) as connection:
        for statement in statements:
            bound = statement.replace("%(payload)s", PAYLOAD)
            for name, value in (sizes | values).items():
                bound = bound.replace(f"%({name})s", str(value))
            connection.execute(bound.encode())
    return time.perf_counter() - began


def planning() -> dict[str, float]:
    """Plans of nights on which 1 % changed, each next to hashing the same rows."""
    url = postgres.create_database(HOME, "planning")
    warehouse.prepare(url, [])
    names = {
        f"audience_{a}": settings.Audience(list=f"Lifecycle: {a}", stages=["active"]) for a in range(1, AUDIENCES + 1)
    }
    given = rules(CHAOS_AUDIENCES).model_copy(update={"audiences": names})
    timed(url, marts.ddl("contact_fields", "audience_decisions", "audience_members"), MARTS)
    timed(url, "vacuum analyze")
    began = time.perf_counter()
    run_id = plan.run(url, RUN_DATE, given)
    figures: dict[str, list[float]] = {"first_plan_seconds": [time.perf_counter() - began], "plan": [], "hash": []}
    for night in range(PAIRS):
        timed(url, CONFIRM, CHANGE, run_id=run_id, night=night)
        timed(url, "vacuum analyze")
        figures["hash"].append(timed(url, HASH))
        began = time.perf_counter()
        run_id = plan.run(url, RUN_DATE, given)
        figures["plan"].append(time.perf_counter() - began)
    with psycopg.connect(url) as connection:
        row = connection.execute("select count(*) from delivery.plan where run_id = %s", [run_id]).fetchone()
    postgres.drop_database(HOME, "planning")
    pairs = zip(figures["plan"], figures["hash"], strict=True)
    return {
        "planned_changes": row[0] if row else 0,
        "first_plan_seconds": round(figures["first_plan_seconds"][0], 1),
        "plan_seconds": round(statistics.median(figures["plan"]), 1),
        "hash_seconds": round(statistics.median(figures["hash"]), 1),
        "plan_vs_hash": round(statistics.median(planned / hashed for planned, hashed in pairs), 3),
    }


def provider(address: str) -> sendgrid.SendGrid:
    """The provider that takes everything, signed in to."""
    connection = settings.Connection("esp", host=address, password="SG.bench")  # noqa: S106 - nobody's
    return sendgrid.connect(connection, ["VIP", "At risk", "Lapsed"], FIELDS)


def people(contacts: int) -> list[tuple[str, dict[str, Any]]]:
    """Address and payload of each person of a plan, as its rows have them."""
    days = {"lifecycle_stage_since": "2025-11-03", "lifecycle_last_order_on": "2025-11-03"}
    stages = {"lifecycle_stage": "active", "lifecycle_previous_stage": "at_risk"}
    return [
        (f"person{n}@example.com", {**stages, **days, "lifecycle_orders": n % 17, "lifecycle_revenue": n % 9999 / 100})
        for n in range(1, contacts + 1)
    ]


def encoding(destination: sendgrid.SendGrid) -> float:
    """Contacts a second of processor time, from a plan's row to the body of a request."""
    rows, rates = people(300_000), []
    for _ in range(PAIRS):
        began = time.process_time()
        contacts = [destination.encoded(email, payload) for email, payload in rows]
        for start in range(0, len(contacts), destination.max_batch_size):
            b",".join(contacts[start : start + destination.max_batch_size])
        rates.append(len(rows) / (time.process_time() - began))
    return round(statistics.median(rates))


def fewest(destination: sendgrid.SendGrid, contacts: int) -> int:
    """The fewest requests for people who join one of three sets of lists: full ones, by number and by bytes."""
    numbers, weights = [0, 0, 0], [0, 0, 0]
    for place, (email, payload) in enumerate(people(contacts), 1):
        numbers[place % 3] += 1
        weights[place % 3] += len(destination.encoded(email, payload)) + 1
    most = (destination.max_batch_size, destination.max_batch_bytes)
    return sum(max(math.ceil(n / most[0]), math.ceil(w / most[1])) for n, w in zip(numbers, weights, strict=True))


def sending(sink: _sink.Sink, contacts: int) -> dict[str, float]:
    """Deliver ``contacts`` contacts in a process of its own, twice: the second time nothing is left to send."""
    url = planned(contacts)
    before, began = sink.counts(), time.perf_counter()
    peak = _peak("deliver", url, sink.address)
    seconds, sent = time.perf_counter() - began, sink.counts() - before
    _peak("deliver", url, sink.address)
    again = sink.counts() - before - sent
    _all_confirmed(url, contacts)
    postgres.drop_database(HOME, "sending")
    return {
        "peak_mb": peak,
        "seconds": round(seconds, 1),
        "requests": sent["PUT /v3/marketing/contacts"],
        "writes_again": sum(count for call, count in again.items() if not call.startswith("GET")),
    }


def planned(contacts: int, groups: int = 3) -> str:
    """A warehouse with a plan, run 1, for people who join one of so many sets of lists."""
    url = postgres.create_database(HOME, "sending")
    warehouse.prepare(url, [])
    timed(url, marts.ddl("contact_fields", "audience_members"))
    timed(url, "insert into delivery.account (destination, is_current) values ('sendgrid', true)")
    timed(url, "insert into delivery.run (run_date, destination, account_id) values ('2025-12-31', 'sendgrid', 1)")
    timed(url, TO_SEND, contacts=contacts, groups=groups)
    timed(url, "insert into marts.contact_fields select person_id, email, desired from delivery.plan")
    timed(url, "vacuum analyze")
    return url


def _all_confirmed(url: str, contacts: int) -> None:
    with psycopg.connect(url) as connection:
        if connection.execute("select count(*) from delivery.ledger where is_certain").fetchone() != (contacts,):
            sys.exit("not everybody was confirmed")


def _peak(task: str, url: str, address: str) -> int:
    """The largest resident memory of a process that delivers run 1, or reads it back, in megabytes."""
    command = [sys.executable, "-m", "bench.delivery", task, url, address]
    _, status, used = os.wait4(os.spawnv(os.P_NOWAIT, sys.executable, command), 0)  # noqa: S606 - ourselves
    if status:
        sys.exit(f"the process failed: {task}")
    return round(used.ru_maxrss / 1024)


def reading_back() -> int:
    """The peak of a process that reads back a list as the ledger has it."""
    url, export = planned(_readback.CONTACTS, groups=1), HOME.parent / "export.json.gz"
    timed(url, CONFIRM, run_id=1)
    timed(url, "vacuum analyze")
    _readback.write_export(export)
    with _sink.running(export) as sink:
        peak = _peak("reconcile", url, sink.address)
    with psycopg.connect(url) as connection:
        figures = connection.execute("select found, missing, extra, different from delivery.reconciliation").fetchall()
    if figures != [(_readback.CONTACTS, 0, 0, 0)]:
        sys.exit(f"not everybody was read back as delivered: {figures}")
    export.unlink()
    postgres.drop_database(HOME, "sending")
    return peak


def reuploading() -> float:
    """The larger factor of the two ways in which a provider refuses a row without naming it."""
    factors = []
    for account in _readback.UNNAMED:
        url = planned(_readback.BATCH, groups=1)
        contacts = _readback.uploaded(account, partial(_run, "deliver", url))
        _all_confirmed(url, _readback.BATCH - 1)
        postgres.drop_database(HOME, "sending")
        factors.append(contacts / _readback.BATCH)
    return round(max(factors), 3)


def _run(task: str, url: str, address: str) -> None:
    destination = provider(address)
    if task == "deliver":
        deliver.run(url, destination, 1)
    else:
        reconcile.run(url, destination, 1, ["VIP"])


def measured() -> dict[str, float]:
    """All figures."""
    figures = planning()
    with _sink.running() as sink:
        destination = provider(sink.address)
        small, large = sending(sink, SMALL), sending(sink, LARGE)
        minimum = fewest(destination, LARGE)
        figures |= {
            "contacts_per_second": encoding(destination),
            "peak_mb_100k": small["peak_mb"],
            "peak_mb_2m": large["peak_mb"],
            "seconds_2m": large["seconds"],
            "requests": large["requests"],
            "requests_minimum": minimum,
            "requests_vs_minimum": large["requests"] / minimum,
            "writes_when_nothing_changed": small["writes_again"] + large["writes_again"],
        }
    return figures | {"reconcile_peak_mb_1m": reading_back(), "reupload_factor_one_bad_row": reuploading()}


def main() -> None:
    """Run everything, print the table, write the result; with arguments, do one task for run 1 at an address."""
    if len(sys.argv) > 1:
        _run(*sys.argv[1:])
        return
    postgres.remove(HOME)
    postgres.start(HOME)
    result = measured()
    postgres.remove(HOME)
    for name, value in result.items():
        sys.stdout.write(f"{name:<28}{value:>16,}\n")
    RESULT.write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
