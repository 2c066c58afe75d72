"""The marketer's file is read whole or refused with every problem in words; connections keep secrets."""

from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import yaml

from lifecycle import settings
from lifecycle.errors import SettingsInvalid
from lifecycle.settings import CUSTOMER_COLUMNS, DBT_PROJECT, STANDARD_COLUMNS

DAYS = {"at_risk": 30, "lapsed": 60, "lost": 90}
SMALLEST: dict[str, Any] = {
    "timezone": "Europe/Zurich",
    "currency": "CHF",
    "shops": {"laden": {"kind": "woocommerce", "connection": "shop", "timezone": "Europe/Zurich", "currency": "CHF"}},
    "esp": {"kind": "sendgrid", "connection": "esp"},
    "stages": {"rulesets": {"all": {name: {"after_days": days} for name, days in DAYS.items()}}},
    "audiences": {"all_new": {"list": "New", "stages": ["new"]}},
}
SHIPPED = DBT_PROJECT / "vars.yml"


def changed(place: str, value: object) -> dict[str, Any]:
    """The smallest file with one thing put elsewhere: ``esp.connection``."""
    document = deepcopy(SMALLEST)
    here = document
    *parents, last = place.split(".")
    for part in parents:
        here = here.setdefault(part, {})
    here[last] = value
    return document


def problems(document: object) -> list[str]:
    with pytest.raises(SettingsInvalid) as raised:
        settings.parse(document, "file")
    first, *lines = str(raised.value).splitlines()
    assert first == f"file: {len(lines)} problem(s)"
    return [line.strip() for line in lines]


def written(folder: Path, text: str | bytes) -> Path:
    path = folder / "vars.yml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_the_shipped_file_is_valid_and_names_every_option() -> None:
    shipped = settings.load(SHIPPED)
    document = yaml.safe_load(SHIPPED.read_text())["vars"]["lifecycle"]
    for audience in document["audiences"].values():
        audience["fields"] = {column: f"lifecycle_{column}" for column in audience["fields"]}
    assert shipped.model_dump() == document
    assert set(shipped.sources()) == {"demo", "esp"}


def test_what_is_left_out_has_a_default_and_may_contact_nobody_without_consent() -> None:
    smallest = settings.parse(SMALLEST)
    assert smallest.consent.existing_customers is False
    assert smallest.shops["laden"].paid_statuses == ["processing", "completed"]
    assert smallest.audiences["all_new"].holdout_share == 0
    assert settings.parse(smallest.model_dump()) == smallest
    assert smallest.push_to() == smallest.esp


@pytest.mark.parametrize(
    ("place", "value", "words"),
    [
        (
            "stage",
            {},
            "stage: unknown key; valid keys: timezone, schedule, currency, shops, esp, additional_esps, stages, vip",
        ),
        ("shops.laden.paid", [], "shops.laden.paid: unknown key; valid keys: kind, connection, timezone"),
        (
            "audiences.all_new.field",
            [],
            "audiences.all_new.field: unknown key; valid keys: list, description",
        ),
        ("stages.rulesets.all.new.days", 3, "stages.rulesets.all.new.days: unknown key; valid keys: max_days"),
        (
            "stages.rulesets.all.lost.after_days",
            "90",
            "stages.rulesets.all.lost.after_days: Input should be a valid integer, not '90'",
        ),
        (
            "stages.rulesets.all.lost.after_days",
            0,
            "stages.rulesets.all.lost.after_days: Input should be greater than or equal to 1, not 0",
        ),
        (
            "stages.rulesets.all.lost.after_days",
            60,
            "stages.rulesets.all: at_risk, lapsed and lost must come one after the other",
        ),
        (
            "stages.rulesets.all.lost.after_days",
            True,
            "stages.rulesets.all.lost.after_days: Input should be a valid integer, not True",
        ),
        ("stages.rulesets.all.at_risk", 30, "stages.rulesets.all.at_risk: Input should be a valid dictionary"),
        ("stages.rulesets.all.at_risk.quantile", 0.95, "stages.rulesets.all: at_risk, lapsed and lost must come one"),
        ("stages.rulesets.all.lapsed.quantile", 0.975, "quantile are [0.8, 0.975, 0.975]"),
        ("stages.rulesets.all.lost.quantile", 1, "lost.quantile: Input should be less than 1, not 1"),
        ("stages.rulesets.all.at_risk.quantile", 0, "at_risk.quantile: Input should be greater than 0, not 0"),
        ("stages.rulesets.all.at_risk.days", 3, "all.at_risk.days: unknown key; valid keys: after_days, quantile"),
        ("stages.rulesets.all.ruleset", "x", "stages.rulesets.all.ruleset: unknown key; valid keys: kind, shops"),
        ("stages.ruleset", "default", "stages.ruleset: unknown key; valid keys: rulesets"),
        ("stages.rulesets", {}, "stages.rulesets: Dictionary should have at least 1 item"),
        ("stages.rulesets.all.kind", "own", "Input should be 'fixed', 'shop' or 'personal', not 'own'"),
        ("stages.rulesets.all.customers", "firms", "Input should be 'all', 'b2b' or 'b2c', not 'firms'"),
        ("stages.rulesets.all.customers", "b2b", "stages: the last rule set must be for everybody: 'shops: null' and"),
        ("stages.rulesets.all.shops", ["laden"], "stages: the last rule set must be for everybody"),
        ("stages.rulesets.all.shops", [], "stages.rulesets.all.shops: List should have at least 1 item"),
        ("stages.rulesets.all.min_gaps", 0, "min_gaps: Input should be greater than or equal to 1, not 0"),
        ("stages.rulesets.all.at_least_days", 0, "at_least_days: Input should be greater than or equal to 1, not 0"),
        ("stages.rulesets.all.credibility_gaps", 0, "credibility_gaps: Input should be greater than 0, not 0"),
        ("shops.laden.first_business_day", "2000-01-01", "first_business_day: Input should be a valid date"),
        ("shops.laden.test_payment_methods", "cod", "test_payment_methods: Input should be a valid list"),
        ("vip.share", 5, "vip.share: Input should be less than 1, not 5"),
        ("vip.share", float("nan"), "vip.share: Input should be"),
        ("vip.by", "value", "vip.by: Input should be 'revenue' or 'orders', not 'value'"),
        ("timezone", "Europe/Zürich", "timezone: 'Europe/Zürich' is not a valid time zone; use an IANA name"),
        ("timezone", "../../etc/passwd", "is not a valid time zone"),
        ("schedule", "at night", "schedule: 'at night' is not a valid cron expression; use five fields"),
        ("currency", "Fr.", "currency: String should match pattern '^[A-Z]{3}$', not 'Fr.'"),
        ("shops", {}, "shops: Dictionary should have at least 1 item"),
        (
            "shops.laden.kind",
            "magento",
            "shops.laden.kind: Input should be 'woocommerce', 'shopify', 'shopware', 'files', 'sql', not 'magento'",
        ),
        (
            "shops.laden.overlap_days",
            -1,
            "shops.laden.overlap_days: Input should be greater than or equal to 0",
        ),
        ("shops.laden.paid_statuses", [], "shops.laden.paid_statuses: List should have at least 1 item"),
        ("shops.laden.paid_statuses", "completed", "shops.laden.paid_statuses: Input should be a valid list"),
        (
            "audiences.all_new.stages",
            ["old"],
            "audiences.all_new.stages.0: Input should be 'prospect', 'new'",
        ),
        (
            "audiences.all_new.fields",
            ["email"],
            "'email' is not a column that can be pushed; valid values: stage, stage_since",
        ),
        ("audiences.all_new.holdout_share", 1, "holdout_share: Input should be less than 1, not 1"),
        ("audiences.all_new.list", "", "audiences.all_new.list: String should have at least 1 character"),
        ("audiences.two", {"list": "New", "stages": ["new"]}, "used more than once: ['New']"),
        ("esp.opt_in_lists", ["New"], "no opt-in list; used more than once: ['New']"),
        ("shops.esp", SMALLEST["shops"]["laden"], "a shop can't be named 'esp'"),
        ("shops.all", SMALLEST["shops"]["laden"], "a shop can't be named 'all', which is all shops together"),
        ("additional_esps.esp", SMALLEST["esp"], "a provider can't be named 'esp', which is the e-mail service"),
        ("additional_esps.all", SMALLEST["esp"], "a provider can't be named 'all', which is all shops together"),
        ("additional_esps.laden", SMALLEST["esp"], "a provider can't be named 'laden', which is a shop"),
        ("additional_esps.news.kind", "sendgrid", "additional_esps.news.connection: Field required"),
        (
            "additional_esps.news",
            {"kind": "files"},
            "additional_esps.news.kind: Input should be 'sendgrid', not 'files'",
        ),
        (
            "additional_esps.news",
            SMALLEST["esp"] | {"lists": []},
            "additional_esps.news.lists: unknown key; valid keys: kind, connection, opt_in_lists, message_activity",
        ),
        ("consent.existing_customers", "yes", "consent.existing_customers: Input should be a valid boolean"),
        ("guards.overall.max_removed_share", 50, "max_removed_share: Input should be less than or equal to 1"),
        ("guards.audience.max_created", -1, "guards.audience.max_created: Input should be greater than or equal to 0"),
        ("guards.max_removed", 1, "guards.max_removed: unknown key; valid keys: from_members, audience, overall"),
        ("audiences.all_new.guards", {"max": 1}, "guards.max: unknown key; valid keys: max_created, max_created_share"),
        ("contact_cap", {"contacts": 0, "days": 7}, "contact_cap.contacts: Input should be greater than or equal to 1"),
        ("destination", {"kind": "brevo"}, "destination.connection: Field required"),
    ],
)
def test_a_mistake_is_told_with_its_place_and_what_would_be_valid(place: str, value: object, words: str) -> None:
    (problem,) = problems(changed(place, value))
    assert words in problem


def test_further_providers_are_read_under_their_names_beside_the_one_that_is_written() -> None:
    news = {"kind": "sendgrid", "connection": "news", "opt_in_lists": ["New"]}
    read = settings.parse(changed("additional_esps.news", news))
    assert list(read.sources()) == ["laden", "esp", "news"]
    assert list(read.providers()) == ["esp", "news"]
    assert read.push_to() == read.esp


def test_an_opt_in_list_is_none_of_ours_only_where_ours_are_written() -> None:
    document = changed("additional_esps.news", {"kind": "sendgrid", "connection": "news", "opt_in_lists": ["New"]})
    document["esp"]["opt_in_lists"] = ["Newsletter"]
    settings.parse(document)
    (problem,) = problems(document | {"destination": {"kind": "sendgrid", "connection": "news"}})
    assert "no opt-in list; used more than once: ['New']" in problem


def test_a_rule_set_for_a_shop_that_is_not_there_is_refused() -> None:
    everybody = SMALLEST["stages"]["rulesets"]["all"]
    (problem,) = problems(changed("stages.rulesets", {"one": everybody | {"shops": ["store"]}, "all": everybody}))
    assert problem == "lifecycle: stages.rulesets.one.shops: no shops: ['store']; valid values: laden"


def test_rule_sets_keep_their_order_and_the_last_one_is_for_everybody() -> None:
    everybody = SMALLEST["stages"]["rulesets"]["all"]
    special = {"firms": everybody | {"customers": "b2b"}, "laden": everybody | {"shops": ["laden"]}}
    rulesets = settings.parse(changed("stages.rulesets", special | {"all": everybody})).stages.rulesets
    assert [(name, each.covers_everybody()) for name, each in rulesets.items()] == [
        ("firms", False),
        ("laden", False),
        ("all", True),
    ]
    (problem,) = problems(changed("stages.rulesets", {"all": everybody} | special))
    assert problem.startswith("stages: the last rule set must be for everybody")


@pytest.mark.parametrize("name", ["Laden", "my shop", "1st", "a__b", "a_", "_a", "", "x" * 41, "straße", "a.b"])
def test_a_name_that_no_schema_can_bear_is_refused(name: str) -> None:
    (problem,) = problems(SMALLEST | {"shops": {name: SMALLEST["shops"]["laden"]}})
    assert problem.startswith("shops.")


def test_all_problems_are_told_at_once() -> None:
    document = changed("stages.rulesets.all.lost.after_days", "soon") | {"currency": "euro", "shop": {}}
    del document["esp"]
    told = "\n".join(problems(document))
    for place in ("stages.rulesets.all.lost.after_days", "currency", "shop: unknown key", "esp: Field required"):
        assert place in told


@pytest.mark.parametrize("document", [None, [], "text", 3])
def test_a_file_of_another_shape_is_refused(document: object) -> None:
    (problem,) = problems(document)
    assert problem.startswith("lifecycle: Input should be a valid dictionary")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("vars:\n  lifecycle:\n    currency: CHF\n    currency: EUR\n", "line 3: repeated: currency"),
        ("vars: {lifecycle: {a: {b: 1, b: 2}}}", "line 1: repeated: b"),
        ("vars: {life: {}}", "must hold 'vars:' with 'lifecycle:' inside"),
        ("- vars", "must hold 'vars:' with 'lifecycle:' inside"),
        ("", "must hold 'vars:' with 'lifecycle:' inside"),
        ("vars: [", "no valid YAML"),
        ("vars: {lifecycle: {since: 2017-13-45}}", "no valid YAML"),
        ("vars: !!python/object/apply:os.system ['true']", "no valid YAML"),
        ("vars: {? [a] : 1}", "no valid YAML"),
        ("# für alle".encode("latin-1"), "is not encoded as UTF-8"),
    ],
)
def test_a_file_that_cannot_be_understood_is_named_with_the_reason(
    tmp_path: Path, text: str | bytes, words: str
) -> None:
    path = written(tmp_path, text)
    with pytest.raises(SettingsInvalid) as raised:
        settings.load(path)
    assert str(raised.value).startswith(f"{path}: ")
    assert words in str(raised.value)


@pytest.mark.parametrize("name", ["", "nowhere.yml"])
def test_a_file_that_cannot_be_opened_is_named(tmp_path: Path, name: str) -> None:
    with pytest.raises(SettingsInvalid, match=r"cannot be read .* LIFECYCLE_CONFIG must name a file"):
        settings.load(tmp_path / name)


def test_the_environment_names_another_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIFECYCLE_CONFIG", str(written(tmp_path, yaml.safe_dump({"vars": {"lifecycle": SMALLEST}}))))
    assert set(settings.load().shops) == {"laden"}
    for nothing in ("", None):
        monkeypatch.delenv("LIFECYCLE_CONFIG") if nothing is None else monkeypatch.setenv("LIFECYCLE_CONFIG", nothing)
        assert settings.config_path() == SHIPPED


def test_the_columns_to_push_are_columns_of_the_customers_contract() -> None:
    path = DBT_PROJECT / "models" / "marts" / "customers" / "_customers__models.yml"
    models = yaml.safe_load(path.read_text())["models"]
    (customers,) = [model for model in models if model["name"] == "customers"]
    types = {column["name"]: column["data_type"].partition("(")[0] for column in customers["columns"]}
    private = {column["name"] for column in customers["columns"] if "pii" in str(column.get("config"))}
    at_the_provider = {
        "text": "Text",
        "date": "Date",
        "integer": "Number",
        "numeric": "Number",
        "double precision": "Number",
        "boolean": "Text",
    }
    assert {name: at_the_provider[types[name]] for name in CUSTOMER_COLUMNS} == CUSTOMER_COLUMNS
    assert not private & set(CUSTOMER_COLUMNS)
    assert set(STANDARD_COLUMNS) <= set(CUSTOMER_COLUMNS)


STANDARD_FIELDS = [f"lifecycle_{name}" for name in ("contactable", *STANDARD_COLUMNS)]


def test_fields_are_the_standard_ones_what_greets_and_the_audiences_own_each_once() -> None:
    fields = settings.parse(changed("audiences.all_new.fields", ["revenue", "vip", "first_order_on"])).custom_fields()
    greeting = ["first_name", "last_name", "country", "language"]
    assert list(fields) == [*STANDARD_FIELDS, *greeting, "lifecycle_vip", "lifecycle_first_order_on"]
    assert (fields["lifecycle_vip"], fields["lifecycle_first_order_on"]) == ("Text", "Date")


def test_without_a_greeting_only_what_an_audience_names_is_pushed() -> None:
    document = changed("audiences.all_new.fields", ["first_name"]) | {"greeting": False}
    assert list(settings.parse(document).custom_fields()) == [*STANDARD_FIELDS, "first_name"]


@pytest.mark.parametrize(
    "fields",
    [
        {"vip": "IST_VIP", "revenue": None, "country": "Land"},
        [{"vip": "IST_VIP"}, "revenue", {"country": "Land"}],
        [{"vip": "IST_VIP", "revenue": "lifecycle_revenue", "country": "Land"}],
    ],
)
def test_a_column_can_have_a_name_of_its_own_at_the_provider(fields: object) -> None:
    checked = settings.parse(changed("audiences.all_new.fields", fields))
    assert checked.audiences["all_new"].fields == {"vip": "IST_VIP", "revenue": "lifecycle_revenue", "country": "Land"}
    assert list(checked.custom_fields().items())[-2:] == [("IST_VIP", "Text"), ("Land", "Text")]


@pytest.mark.parametrize("name", ["Stufe 2", "2te_stufe", "stufe-2", "größe", "", "x" * 101, 7])
def test_a_name_that_no_field_can_have_is_refused(name: object) -> None:
    (problem,) = problems(changed("audiences.all_new.fields", {"stage": name}))
    assert problem.startswith(
        f"audiences.all_new.fields: stage: {name!r} can't be a field's name; use up to 100 letters"
    )


@pytest.mark.parametrize("name", ["email", "First_Name", "country", "CITY", "lifecycle_orders", "Lifecycle_x"])
def test_a_name_that_is_taken_is_refused(name: str) -> None:
    (problem,) = problems(changed("audiences.all_new.fields", {"stage": name}))
    assert problem.startswith(f"audiences.all_new.fields: stage: the name {name!r} is taken")


def test_two_columns_of_one_name_are_refused_also_of_two_audiences() -> None:
    fields = {"stage": "Segment", "vip": "segment"}
    (problem,) = problems(changed("audiences.all_new.fields", fields))
    assert "segment is the name of two columns, stage and vip; give each a name of its own" in problem
    document = changed("audiences.all_new.fields", {"stage": "Segment"})
    document["audiences"]["other"] = document["audiences"]["all_new"] | {"list": "B", "fields": [{"vip": "SEGMENT"}]}
    (problem,) = problems(document)
    assert "audiences.other.fields: SEGMENT is the name of two columns, stage and vip" in problem


def test_a_column_that_is_named_twice_is_refused() -> None:
    (problem,) = problems(changed("audiences.all_new.fields", ["vip", {"vip": "IST_VIP"}]))
    assert problem == "audiences.all_new.fields: vip is named 2 times; once is right"
