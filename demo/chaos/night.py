"""One night of the chaos, in a process of its own that can be killed at any moment."""

import os
import sys
from dataclasses import dataclass
from datetime import date

from tenacity import wait_none

from lifecycle import deliver, extract, plan, reconcile, settings, warehouse, web
from lifecycle.deliver import jobs
from lifecycle.destinations.sendgrid import writer as sendgrid
from lifecycle.errors import LifecycleError
from lifecycle.sources import source_kind

TROUBLE = 75
AUDIENCES = {"vip": "VIP", "at_risk": "At risk", "lapsed": "Lapsed"}
FIELDS: dict[str, settings.FieldType] = {
    "lifecycle_orders": "Number",
    "lifecycle_stage": "Text",
    settings.CONTACTABLE_FIELD: "Text",
}
SECONDS = 1.0

MARTS = ("contact_fields", "audience_members", "audience_decisions")

DERIVE = """
truncate marts.contact_fields, marts.audience_members, marts.audience_decisions;
create temporary table person on commit drop as
select md5(lower(doc ->> 'email'))::uuid as person_id, lower(doc ->> 'email') as email,
    (doc ->> 'points')::int as points, string_to_array(doc ->> 'audiences', ',') as audiences,
    exists (
        select from ({suppressions}) as suppressed where lower(suppressed.email) = lower(doc ->> 'email')
    ) as is_suppressed
from raw.woocommerce__customers where not is_deleted;
insert into marts.contact_fields
select person_id, email, jsonb_build_object('lifecycle_orders', points, 'lifecycle_stage', 'stage ' || points % 3)
from person where not is_suppressed;
insert into marts.audience_decisions
select audience, person_id, lists.name, 50, case when is_suppressed then 'excluded' else 'member' end,
    case when is_suppressed then 'suppressed' end, 'by the account'
from person cross join unnest(audiences) as audience
join (values ('vip', 'VIP'), ('at_risk', 'At risk'), ('lapsed', 'Lapsed')) as lists (key, name) on lists.key = audience;
insert into marts.audience_members
select audience, person_id, email, list_name, priority, false, reason
from marts.audience_decisions join person using (person_id) where outcome = 'member';
"""


@dataclass(frozen=True)
class Night:
    """What a night needs to know."""

    warehouse: str
    shop: str
    esp: str
    run_date: date
    is_extracted: bool


def rules() -> settings.Settings:
    """The simulation's rules."""
    stages = {"at_risk": {"after_days": 21}, "lapsed": {"after_days": 42}, "lost": {"after_days": 90}}
    shop = {"kind": "woocommerce", "connection": "shop", "timezone": "Europe/Zurich", "currency": "CHF"}
    return settings.parse(
        {
            "timezone": "Europe/Zurich",
            "currency": "CHF",
            "shops": {"shop": shop},
            "esp": {"kind": "sendgrid", "connection": "esp", "message_activity": False},
            "stages": {"rulesets": {"default": stages}},
            "audiences": {name: {"list": title, "stages": ["active"]} for name, title in AUDIENCES.items()},
            "guards": {
                "suppressions_may_be_empty": True,
                "first_delivery_asks": False,
                "audience": {"stop_if_emptied_from": None},
            },
        }
    )


def run(night: Night) -> None:
    """Do the night; ends with 0, with ``TROUBLE`` after an error of ours, or with 1 after one that must not be."""
    sys.stderr = open(os.devnull, "w")  # noqa: PTH123, SIM115 - its warnings are many
    web._backoff, web.ATTEMPTS, web.TIMEOUT = wait_none(), 3, (SECONDS, SECONDS)  # type: ignore[assignment]  # noqa: SLF001
    sendgrid.TIMEOUT, jobs.PATIENCE_SECONDS, jobs.FIRST_PAUSE = SECONDS, 0.3, 0.01
    try:
        _whole(night)
    except LifecycleError:
        os._exit(TROUBLE)
    except BaseException as error:  # noqa: BLE001 - named to whom asked for the night
        print(f"{type(error).__name__}: {error}", flush=True)  # noqa: T201
        os._exit(1)
    os._exit(0)


def _whole(night: Night) -> None:
    config, provider = rules(), settings.Connection("esp", host=night.esp, password="SG.demo")  # noqa: S106
    shop = settings.Connection("shop", host=night.shop, login="ck_demo", password="cs_demo")  # noqa: S106
    if night.is_extracted:
        extract.run(night.warehouse, "shop", config.shops["shop"], shop, night.run_date)
        extract.run(night.warehouse, "esp", config.esp, provider, night.run_date)
    suppressions = " union all ".join(
        f"select doc ->> 'email' as email from raw.sendgrid__{stream} where not is_deleted"  # noqa: S608
        for stream in source_kind("sendgrid").suppressions(config.esp)
    )
    with warehouse.connect(night.warehouse) as connection:
        connection.execute(DERIVE.format(suppressions=suppressions).encode())
    destination = sendgrid.connect(provider, AUDIENCES.values(), FIELDS)
    deliver.resolve_open_jobs(night.warehouse, destination)
    run_id = plan.run(night.warehouse, night.run_date, config)
    deliver.run(night.warehouse, destination, run_id)
    reconcile.run(night.warehouse, destination, run_id, AUDIENCES.values())
