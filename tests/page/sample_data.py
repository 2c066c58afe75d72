"""A small warehouse whose figures are all different."""

from datetime import date, timedelta
from typing import Any

from demo import marts
from lifecycle import settings, warehouse

LAST = date(2017, 12, 31)
FIRST = date(2017, 10, 1)
ADA = "0004c4c7-ea45-8595-b53a-127673424bef"
HOSTILE = "<script>alert('x')</script>"

MARTS = (
    "stage_builds",
    "stage_daily",
    "stage_daily_by_shop",
    "stage_moves",
    "cohorts",
    "cohorts_by_shop",
    "framework_phases",
    "engagement_by_stage",
    "engagement_daily",
    "contact_scenarios",
    "contact_gap",
    "contact_gap_daily",
    "audience_effects",
    "customers",
    "stage_intervals",
    "purchase_days",
    "messages",
    "consent_evidence",
    "stage_corrections",
)

#: Table → the columns of its rows below, where these are not all.
COLUMNS = {
    "marts.stage_builds": "build_id, run_date",
    "marts.cohorts": "cohort_month, month, months_since, persons, buyers, retention",
    "marts.cohorts_by_shop": "shop, cohort_month, month, months_since, persons, buyers, retention",
    "marts.contact_gap": (
        "scenario, month, concerned, due, contacted_in_time, contacted_late, pending, not_contacted, "
        "held_out, not_contactable, not_due, contacts, opened, clicked, purchased, response_days, "
        "verdict, worth, worth_low, worth_high, worth_audience, worth_contacted, worth_held_out"
    ),
    "marts.audience_effects": (
        "audience, metric, window_days, started_on, through_on, contacted, held_out, contacted_mean, "
        "held_out_mean, lift, standard_error, low, high, always_low, always_high, split_z, "
        "is_split_as_planned, verdict"
    ),
    "marts.customers": (
        "person_id, email, ruleset, stage, stage_since, next_stage, next_transition_on, vip, engagement, "
        "consent_state, consent_basis, first_seen_on, orders, revenue, as_of"
    ),
    "marts.stage_intervals": "person_id, ruleset, stage, valid_from, valid_to, cause",
    "marts.purchase_days": "person_id, shop, business_day, currency, orders, net",
    "marts.messages": "message_id, person_id, delivered_on, subject, is_opened, is_clicked, opened_on, clicked_on",
    "marts.consent_evidence": "person_id, source, statement, says, said_at, precedence, is_decisive",
    "marts.stage_corrections": "subject_id, subject_kind, ruleset, occurred_on, believed_stage, stage, known_on",
    "raw.deletion_check": "source, stream, run_date, checked_at, listed, vanished, returned",
    "quality.result": "run_date, gate, suite, expectation, column_name, severity, success, observed, threshold",
}

# Columns that the contracts want filled and the page does not read.
UNREAD = """
alter table $marts.stage_builds alter rules_hash set default '', alter is_whole set default false,
    alter persons set default 0, alter accounts set default 0, alter built_at set default now();
alter table $marts.cohorts alter orders set default 0, alter revenue set default 0, alter revenue_to_date set default 0;
alter table $marts.cohorts_by_shop alter orders set default 0, alter revenue set default 0,
    alter revenue_to_date set default 0;
alter table $marts.customers alter is_late_entry set default false, alter purchase_days set default 1;
alter table $marts.purchase_days alter priced_orders set default 1, alter gross set default 0,
    alter refunded set default 0;
alter table $marts.consent_evidence alter is_former set default false;
"""
GRANTS = """
grant usage on schema $marts to lifecycle_figures, lifecycle_people;
grant select on all tables in schema $marts to lifecycle_figures;
revoke select on $marts.customers, $marts.stage_intervals, $marts.purchase_days, $marts.messages,
    $marts.consent_evidence, $marts.stage_corrections from lifecycle_figures;
grant select on $marts.customers, $marts.stage_intervals, $marts.purchase_days, $marts.messages,
    $marts.consent_evidence, $marts.stage_corrections to lifecycle_people;
"""

ROWS: dict[str, list[tuple[Any, ...]]] = {
    "marts.stage_builds": [(1, LAST)],
    "marts.stage_moves": [
        ("all", "default", date(2017, 12, 5), "none", "prospect", 40, False),
        ("all", "default", date(2017, 12, 5), "none", "new", 11, False),
        ("all", "default", date(2017, 12, 6), "prospect", "new", 7, False),
        ("all", "default", date(2017, 12, 7), "new", "active", 6, False),
        ("all", "default", date(2017, 12, 8), "active", "at_risk", 23, False),
        ("all", "default", date(2017, 12, 9), "at_risk", "lapsed", 13, False),
        ("all", "default", date(2017, 12, 10), "lapsed", "lost", 5, False),
        ("all", "default", date(2017, 12, 10), "lost", "active", 3, True),
        ("all", "default", date(2017, 10, 2), "none", "new", 900, False),
        ("all", "companies", date(2017, 12, 5), "none", "prospect", 77, False),
        ("north", "default", date(2017, 12, 5), "none", "new", 8, False),
    ],
    "marts.cohorts": [
        (date(2017, 11, 1), date(2017, 11, 1), 0, 50, 50, 1),
        (date(2017, 11, 1), date(2017, 12, 1), 1, 50, 21, 0.42),
    ],
    "marts.cohorts_by_shop": [("north", date(2017, 11, 1), date(2017, 12, 1), 1, 9, 3, 0.3333)],
    "marts.framework_phases": [
        ("base_category", stage, phase, place)
        for place, (stage, phase) in enumerate(
            [
                ("prospect", "Interessenten"),
                ("new", "Neukunden"),
                ("active", "Bestandskunden"),
                ("at_risk", "Bestandskunden"),
                ("lapsed", "Inaktive Kunden"),
                ("lost", "Inaktive Kunden"),
            ]
        )
    ],
    "marts.engagement_by_stage": [("active", "engaged", 300), ("active", "dormant", 700), ("lost", "none", 5)],
    "marts.engagement_daily": [
        (date(2017, 12, 12), 812, 233, 41, 2, 3),
        (date(2017, 10, 3), 999, 0, 0, 0, 0),
    ],
    "marts.contact_scenarios": [
        (
            "nudge", 1, HOSTILE, "Anstoß", "A friendly nudge.", "Ein freundlicher Anstoß.", "at_risk", "both",
            "enters_stage", True, 0, 3, "email", "Engage", True, "at_risk", "list", "Lifecycle: at risk",
        ),
        (
            "basket", 2, "Basket reminder", "Warenkorb", "", "", "prospect", "b2c", "fills_basket", False, 0, 1,
            "email", "Act", True, None, None, None,
        ),
        (
            "lookalike", 3, "Look-alike", "Zwillinge", "", "", "prospect", "b2c", "in_stage", True, 0, 30, "paid",
            "Reach", True, None, None, None,
        ),
    ],
    "marts.contact_gap": [
        (
            "nudge", date(2017, 12, 1), 1500, 1400, 100, 50, 10, 1240, 60, 40, 9, 150, 70, 15, 21, 14, "partly",
            1364.00, 372.00, 2356.00, "at_risk", 5200, 580,
        ),
        (
            "nudge", date(2017, 10, 1), 2000, 2000, 2000, 0, 0, 0, 0, 0, 0, 2000, 900, 90, 300, 14, "live",
            None, None, None, None, None, None,
        ),
        (
            "basket", date(2017, 12, 1), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 14, "missing",
            None, None, None, None, None, None,
        ),
        (
            "lookalike", date(2017, 12, 1), 300, 300, 0, 0, 0, 300, 0, 0, 0, 0, None, None, 0, 14, "missing",
            None, None, None, None, None, None,
        ),
    ],
    "marts.contact_gap_daily": [
        ("nudge", date(2017, 12, 4), "at_risk", "member", "", 1400, 100, 50, 10, 1240, 0, 0, 0),
        ("nudge", date(2017, 12, 5), "at_risk", "holdout", "", 60, 0, 0, 0, 0, 60, 0, 9),
        ("nudge", date(2017, 12, 5), "at_risk", "excluded", "suppressed", 40, 0, 0, 0, 0, 0, 40, 0),
    ],
    "marts.audience_effects": [
        (
            "at_risk", "clicked", 28, date(2017, 11, 1), date(2017, 12, 3), 5200, 580, 0.121, 0.082, 0.039, 0.01,
            0.0155, 0.0625, 0.002, 0.076, 0.3, True, "higher",
        ),
        (
            "at_risk", "ordered", 28, date(2017, 11, 1), date(2017, 12, 3), 5200, 580, 0.221, 0.212, 0.009, 0.01,
            -0.026, 0.044, -0.05, 0.068, 0.3, True, "not_distinguishable",
        ),
        (
            "lapsed", "clicked", 28, date(2017, 11, 1), date(2017, 12, 3), 61, 9, 0.1, 0.2, None, None, None, None,
            None, None, 5.1, False, "too_few",
        ),
    ],
    "marts.customers": [
        (
            ADA, "ada@example.com", "default", "at_risk", date(2017, 12, 20), "lapsed", date(2018, 1, 10), True,
            "engaged", "granted", "double_opt_in", date(2017, 10, 2), 3, 77.50, LAST,
        )
    ],
    "marts.stage_intervals": [
        (ADA, "default", "new", date(2017, 10, 2), date(2017, 12, 20), "purchase"),
        (ADA, "default", "at_risk", date(2017, 12, 20), date(2018, 1, 10), "time"),
        (ADA, "default", "lapsed", date(2018, 1, 10), None, "time"),
    ],
    "marts.purchase_days": [(ADA, "north", date(2017, 10, 2), "CHF", 2, 51.25)],
    "marts.messages": [("m1", ADA, date(2017, 12, 21), HOSTILE, True, False, date(2017, 12, 22), None)],
    "marts.consent_evidence": [
        (ADA, "esp", "double_opt_in", "consents", "2017-10-02", 12, True),
        (ADA, "north", "shop_checkbox", "consents", "2017-10-01", 13, False),
    ],
    "marts.stage_corrections": [(ADA, "person", "default", date(2017, 12, 1), "active", "new", date(2017, 12, 24))],
    "quality.result": [
        (
            LAST, "raw", "orders_volume/north", "new_orders_are_as_many_as_usual", "new", "warning", False, "3",
            "at least 9",
        ),
        (LAST, "raw", "pull/north/orders", "stream_was_read", None, "critical", True, "1", "1"),
        (
            date(2017, 12, 30), "read_back", "Lifecycle: at risk", "contacts_as_confirmed", None, "warning", False,
            "9 of 101 contacts differ", "a share of at most 0.01",
        ),
    ],
    "raw.pull": [
        ("north", "orders", LAST, "2017-12-31", "2017-12-31", 1, 4061, 512, "2017-12-30 12:00+00"),
        ("esp", "bounces", date(2017, 12, 28), "2017-12-31", "2017-12-31", 1, 17, 0, None),
    ],
    "raw.deletion_check": [("north", "orders", date(2017, 12, 24), "2017-12-24", 4000, 1, 0)],
}  # fmt: skip

DELIVERIES = """
insert into delivery.account (destination, is_current) values ('sendgrid', true);
insert into delivery.run
    (run_date, planned_at, destination, account_id, delivered_at, stopped_by, answer, answered_by, summary)
values
    ('2017-12-30', '2017-12-31 03:30+00', 'sendgrid', 1, now(), null, null, null,
     '{"delivery": {"planned": 90, "sent": 88, "confirmed": 87, "rejected": 1}}'),
    ('2017-12-31', '2018-01-01 03:30+00', 'sendgrid', 1, null, 'at_risk: too many', 'rejected', 'somebody@example.com',
     null);
insert into delivery.audience values
    (1, 'at_risk', 'Lifecycle: at risk', 100, 10, '{}', 0, 100, 0, 0, false),
    (2, 'at_risk', 'Lifecycle: at risk', 125, 12, '{"suppressed": 8}', 0, 31, 6, 94, false),
    (2, 'list at_risk', 'at_risk', 0, 0, '{}', 0, 0, 77, 0, true);
insert into delivery.reconciliation (run_id, account_id, list_name, expected, found, missing, extra, different)
values (1, 1, 'Lifecycle: at risk', 100, 101, 2, 3, 4), (1, 1, 'Lifecycle: lost', 55, 55, 0, 0, 0);
insert into delivery.doubt (account_id, noticed_at, reason, name, persons)
values
    (1, '2017-12-30 23:30+00', 'new account', null, 1100),
    (1, '2018-01-01 02:00+00', 'list deleted', 'Lifecycle: at risk', 200),
    (1, '2018-01-01 02:00+00', 'field deleted', 'lifecycle_orders', 300),
    (1, '2018-01-01 02:00+00', 'warehouse restored', null, 4000),
    (1, '2018-01-01 03:40+00', 'job pending', null, 30),
    (1, '2018-01-01 03:50+00', 'job pending', null, 31),
    (1, '2018-01-01 04:00+00', 'list differs', '<b>Lost</b>', 5);
"""


def page_settings(**changes: object) -> settings.Settings:
    """Two shops and two rulesets, the last of which covers everybody."""
    shop = {"kind": "woocommerce", "connection": "shop", "timezone": "Europe/Zurich", "currency": "CHF"}
    days = {"at_risk": {"after_days": 21}, "lapsed": {"after_days": 42}, "lost": {"after_days": 90}}
    return settings.parse(
        {
            "timezone": "Europe/Zurich",
            "currency": "CHF",
            "shops": {"north": shop, "south": shop},
            "esp": {"kind": "sendgrid", "connection": "esp"},
            "stages": {"rulesets": {"companies": {**days, "customers": "b2b"}, "default": days}},
            "audiences": {"at_risk": {"list": "Lifecycle: at risk", "stages": ["at_risk"]}},
            **changes,
        }
    )


def fill(url: str) -> None:
    """Create all tables and fill them."""
    warehouse.prepare(url, [])
    with warehouse.connect(url) as connection:
        for statements in (marts.ddl(*MARTS), UNREAD, GRANTS, DELIVERIES):
            connection.execute(statements.encode())
        for table, rows in ROWS.items():
            columns = f"({COLUMNS[table]})" if table in COLUMNS else ""
            places = ", ".join(["%s"] * len(rows[0]))
            with connection.cursor() as cursor:
                cursor.executemany(f"insert into {table} {columns} values ({places})".encode(), rows)
        _count(connection, "marts.stage_daily", (), "default", 1)
        _count(connection, "marts.stage_daily", (), "companies", 1000)
        _count(connection, "marts.stage_daily_by_shop", ("north",), "default", 5000)


def _count(connection: warehouse.Connection, table: str, shop: tuple[str, ...], ruleset: str, base: int) -> None:
    """Persons who grow by one a day in each stage, from another beginning in each."""
    stages = ("prospect", "new", "active", "at_risk", "lapsed", "lost")
    days = [FIRST + timedelta(days=day) for day in range((LAST - FIRST).days + 1)]
    rows = [
        (*shop, ruleset, day, stage, base + 100 * place + number, 1, 0, base + 100 * place + number + 1)
        for place, stage in enumerate(stages)
        for number, day in enumerate(days)
    ]
    places = ", ".join(["%s"] * len(rows[0]))
    with connection.cursor() as cursor:
        cursor.executemany(f"insert into {table} values ({places})".encode(), rows)
