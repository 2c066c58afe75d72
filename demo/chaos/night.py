"""One night of the chaos, in a process of its own that can be killed at any moment."""

import os
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta

from psycopg.types.json import Jsonb
from tenacity import wait_none

from lifecycle import deliver, extract, plan, reconcile, settings, warehouse, web
from lifecycle.deliver import jobs
from lifecycle.destinations.sendgrid import writer as sendgrid
from lifecycle.errors import LifecycleError, PlanOutdated
from lifecycle.sources import source_kind
from lifecycle.sources.sendgrid import api

#: How a night's process ends that meets an error of ours, and one whose plan waits for an approval.
TROUBLE, WAITING = 75, 76
KEY = "SG.demo"
AUDIENCES = {"vip": "VIP", "at_risk": "At risk", "lapsed": "Lapsed"}
FIELDS: dict[str, settings.FieldType] = {
    "lifecycle_orders": "Number",
    "lifecycle_stage": "Text",
    settings.CONTACTABLE_FIELD: "Text",
}
SECONDS = 1.0

MARTS = ("persons", "contact_fields", "audience_members", "audience_decisions")

DERIVE = f"""
delete from marts.persons;
delete from marts.contact_fields;
delete from marts.audience_members;
delete from marts.audience_decisions;
create temporary table person on commit drop as
select md5(lower(doc ->> 'email'))::uuid as person_id, lower(doc ->> 'email') as email,
    (doc ->> 'points')::int as points, string_to_array(doc ->> 'audiences', ',') as audiences,
    (doc ->> 'is_held_out')::boolean as is_held_out,
    (doc ->> 'has_withdrawn')::boolean or exists (
        select from ({{suppressions}}) as suppressed where lower(suppressed.email) = lower(doc ->> 'email')
    ) as is_refused
from raw.woocommerce__customers where not is_deleted;
insert into marts.persons (person_id, email, first_seen_on, consent_state)
select person_id, email, date '2017-11-01', case when is_refused then 'refused' else 'granted' end from person;
insert into marts.contact_fields
select person_id, email, case
    when is_held_out then jsonb_build_object('{settings.CONTACTABLE_FIELD}', '{settings.Contactable.HELD_OUT}')
    else jsonb_strip_nulls(jsonb_build_object(
        'lifecycle_orders', points, 'lifecycle_stage', 'stage ' || coalesce(points, 0) % 3,
        '{settings.CONTACTABLE_FIELD}', '{settings.Contactable.YES}'))
    end
from person where not is_refused;
insert into marts.audience_decisions
select audience, person_id, lists.value, 50,
    case when is_refused then 'excluded' when is_held_out then 'holdout' else 'member' end,
    case when is_refused then 'refused' end, 'by the account'
from person cross join unnest(audiences) as audience
join jsonb_each_text(%s) as lists on lists.key = audience;
insert into marts.audience_members
select audience, person_id, email, list_name, priority, outcome = 'holdout', reason
from marts.audience_decisions join person using (person_id) where outcome <> 'excluded';
"""  # noqa: S608 - constants


@dataclass(frozen=True)
class Night:
    """What a night needs to know; ``approved`` is the run that it only delivers."""

    warehouse: str
    shop: str
    esp: str
    run_date: date
    is_extracted: bool
    audiences: tuple[str, ...] = tuple(AUDIENCES)
    key: str = KEY
    retry_refused: bool = False
    approved: int | None = None
    is_verbose: bool = "CHAOS_VERBOSE" in os.environ

    @property
    def lists(self) -> list[str]:
        """The lists that the night's audiences fill."""
        return [AUDIENCES[name] for name in self.audiences]

    def destination(self, *, prepared: bool = False) -> sendgrid.SendGrid:
        """The provider, as ``lifecycle_airflow.nightly`` connects to it."""
        known_lists = deliver.known_lists(self.warehouse, "sendgrid")
        provider = settings.Connection("esp", host=self.esp, password=self.key)
        return sendgrid.connect(provider, *((self.lists, FIELDS) if prepared else ([], {})), known_lists)


def rules(audiences: Iterable[str]) -> settings.Settings:
    """The marketer's file with these audiences."""
    stages = {"at_risk": {"after_days": 21}, "lapsed": {"after_days": 42}, "lost": {"after_days": 90}}
    shop = {"kind": "woocommerce", "connection": "shop", "timezone": "Europe/Zurich", "currency": "CHF"}
    return settings.parse(
        {
            "timezone": "Europe/Zurich",
            "currency": "CHF",
            "shops": {"shop": shop},
            "esp": {"kind": "sendgrid", "connection": "esp", "message_activity": False},
            "stages": {"rulesets": {"default": stages}},
            "audiences": {name: {"list": AUDIENCES[name], "stages": ["active"]} for name in audiences},
            "guards": {
                "suppressions_may_be_empty": True,
                "overall": {"max_created": 40, "max_removed": 15},
                "audience": {"stop_if_emptied_from": 10},
            },
        }
    )


def run(night: Night, *, is_warehouse_lost: bool = False) -> None:
    """Do the night; ends with 0, ``TROUBLE``, ``WAITING``, or with 1 after an error that must not be.

    ``is_warehouse_lost``: its warehouse is taken away meanwhile, and whatever breaks is trouble.
    """
    sys.stderr = open(os.devnull, "w")  # noqa: PTH123, SIM115 - its warnings are many
    web._backoff, web.ATTEMPTS, web.TIMEOUT = wait_none(), 3, (SECONDS, SECONDS)  # type: ignore[assignment]  # noqa: SLF001
    sendgrid.TIMEOUT, jobs.PATIENCE_SECONDS, jobs.FIRST_PAUSE = SECONDS, 0.3, 0.01
    reconcile.PATIENCE_SECONDS, reconcile.FIRST_PAUSE, api.EXPORT_PATIENCE = 0.3, 0.01, timedelta(seconds=1)
    try:
        os._exit(_whole(night) if night.approved is None else _send(night, night.approved))
    except LifecycleError as error:
        if night.is_verbose:
            print(f"{type(error).__name__}: {error}", flush=True)  # noqa: T201
        os._exit(TROUBLE)
    except BaseException as error:  # noqa: BLE001 - shown to whoever asked for the night
        if is_warehouse_lost and isinstance(error, Exception):
            os._exit(TROUBLE)
        print(f"{type(error).__name__}: {error}", flush=True)  # noqa: T201
        os._exit(1)


def _whole(night: Night) -> int:
    """The steps of ``lifecycle_airflow.nightly`` up to the plan, and the delivery if no guard has tripped."""
    url, config = night.warehouse, rules(night.audiences)
    if night.is_extracted:
        shop = settings.Connection("shop", host=night.shop, login="ck_demo", password="cs_demo")  # noqa: S106
        extract.run(url, "shop", config.shops["shop"], shop, night.run_date)
        provider = settings.Connection("esp", host=night.esp, password=night.key)
        extract.run(url, "esp", config.esp, provider, night.run_date)
    suppressions = " union all ".join(
        f"select doc ->> 'email' as email from raw.sendgrid__{stream} where not is_deleted"  # noqa: S608
        for stream in source_kind("sendgrid").suppressions(config.esp)
    )
    with warehouse.only_one(url, "derive"), warehouse.connect(url) as connection:
        lists = Jsonb({name: AUDIENCES[name] for name in night.audiences})
        for statement in DERIVE.format(suppressions=suppressions).split(";\n"):
            if statement.strip():
                connection.execute(statement.encode(), [lists] if "%s" in statement else None)
    destination = night.destination()
    deliver.resolve_open_jobs(url, destination)
    if differing := reconcile.differing_lists(url, destination):
        reconcile.adopt_remote_state(url, night.destination(), night.run_date, differing)
    run_id = plan.run(url, night.run_date, config, retry_refused=night.retry_refused)
    return WAITING if plan.stopped_by(url, run_id) else _send(night, run_id)


def _send(night: Night, run_id: int) -> int:
    """Deliver and read back; a plan that is too old is made anew first."""
    url, destination = night.warehouse, night.destination(prepared=True)
    try:
        deliver.run(url, destination, run_id)
    except PlanOutdated:
        plan.renew(url, run_id, rules(night.audiences))
        deliver.run(url, destination, run_id)
    reconcile.run(url, night.destination(), run_id, night.lists)
    return 0
