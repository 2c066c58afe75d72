"""The catalogue of contact scenarios: the shipped one is whole, and each wrong line is named."""

import csv
from pathlib import Path
from typing import get_args

import pytest
import yaml

from lifecycle import settings
from lifecycle.errors import SettingsInvalid
from lifecycle.settings import DBT_PROJECT, Settings, scenarios
from lifecycle.settings.scenarios import MeasuredTrigger, OtherTrigger, Scenario
from lifecycle.settings.section import Stage

COLUMNS = [*Scenario.model_fields]
ROW = {
    "scenario": "nudge",
    "stage": "at_risk",
    "name": "Nudge",
    "german_name": "Anstoss",
    "market": "both",
    "trigger": "enters_stage",
    "after_days": "0",
    "due_within_days": "7",
    "channel": "email",
    "race": "Engage",
    "is_always_on": "true",
    "audience": "at_risk",
    "recognised_by": "subject",
    "recognised_as": "We miss you%",
    "description": "A word, and another",
    "german_description": "Ein Wort",
}
#: What every life cycle has, by stage; the last two in any.
USUAL = {
    "prospect": {
        "double_opt_in",
        "welcome",
        "nurture",
        "browse_reminder",
        "basket_reminder",
        "first_order_incentive",
        "prospect_retargeting",
        "look_alike",
    },
    "new": {"onboarding", "second_order_push", "review_request", "first_cross_sell", "buyer_exclusion"},
    "active": {"replenishment", "cross_sell", "birthday", "vip", "referral", "newsletter"},
    "at_risk": {"at_risk_nudge"},
    "lapsed": {"win_back", "win_back_offer", "win_back_survey"},
    "lost": {"last_call", "sunset"},
}


def shipped() -> Settings:
    return settings.load(DBT_PROJECT / "vars.yml")


def with_events() -> Settings:
    return settings.parse(shipped().model_dump() | {"esp": shipped().esp.model_dump() | {"event_files": "events"}})


def written(folder: Path, *rows: dict[str, str], columns: list[str] = COLUMNS) -> Path:
    path = folder / "scenario_catalogue.csv"
    with path.open("w", newline="", encoding="utf-8-sig") as file:
        writer = csv.DictWriter(file, columns)
        writer.writeheader()
        writer.writerows(rows)
    return path


def problems(path: Path, config: Settings | None = None) -> list[str]:
    with pytest.raises(SettingsInvalid) as raised:
        scenarios.check(config or shipped(), path)
    first, *lines = str(raised.value).splitlines()
    assert first == f"{path}: {len(lines)} problem(s)"
    return lines


def test_the_shipped_catalogue_is_valid_and_has_the_usual_contacts() -> None:
    catalogue = scenarios.check(shipped())
    by_stage = {stage: {each.scenario for each in catalogue if each.stage == stage} for stage in get_args(Stage)}
    assert all(USUAL[stage] <= by_stage[stage] for stage in USUAL)
    assert {each.channel for each in catalogue} == {"email", "paid", "social"}
    assert {each.market for each in catalogue} == {"b2c", "b2b", "both"}
    assert {each.recognised_by for each in catalogue} == {None, "list", "subject"}
    assert len({each.name for each in catalogue}) == len(catalogue) == len({each.german_name for each in catalogue})


def test_triggers_are_those_that_dbt_knows() -> None:
    models = yaml.safe_load((DBT_PROJECT / "models" / "marts" / "gap" / "_gap__models.yml").read_text())["models"]
    (columns,) = [model["columns"] for model in models if model["name"] == "contact_scenarios"]
    (trigger,) = [column for column in columns if column["name"] == "trigger"]
    known = trigger["data_tests"][0]["accepted_values"]["arguments"]["values"]
    assert known == [*get_args(MeasuredTrigger), *get_args(OtherTrigger)]
    macro = (DBT_PROJECT / "macros" / "scenarios.sql").read_text()
    assert str([*get_args(MeasuredTrigger)]).replace("'", '"') in macro


def test_rows_are_read_as_a_spreadsheet_writes_them(tmp_path: Path) -> None:
    path = written(tmp_path, ROW, ROW | {"scenario": "other", "audience": "", "recognised_by": "", "recognised_as": ""})
    path.write_bytes(path.read_bytes() + b"\r\n")
    first, second = scenarios.check(shipped(), path)
    assert (first.description, first.after_days, first.is_measured) == ("A word, and another", 0, True)
    assert (second.audience, second.recognised_by, second.recognised_as) == (None, None, None)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"scenario": "Nudge!"}, "scenario: String should match pattern"),
        (
            {"stage": "vip"},
            "stage: Input should be 'prospect', 'new', 'active', 'at_risk', 'lapsed' or 'lost', not 'vip'",
        ),
        ({"name": ""}, "name: String should have at least 1 character, not ''"),
        ({"market": "b2x"}, "market: Input should be 'b2c', 'b2b' or 'both', not 'b2x'"),
        (
            {"trigger": "visits"},
            "trigger: Input should be 'enters_stage', 'in_stage', 'purchases', 'is_won_back', 'sub",
        ),
        ({"after_days": "-1"}, "after_days: give a whole number of days, such as 14, not '-1'"),
        ({"after_days": "a week"}, "after_days: give a whole number of days, such as 14, not 'a week'"),
        ({"due_within_days": ""}, "due_within_days: give a whole number of days, such as 14, not ''"),
        ({"due_within_days": "366"}, "due_within_days: Input should be less than or equal to 365, not '366'"),
        (
            {"trigger": "in_stage", "after_days": "28"},
            "after_days: counted from the first of each month, so at most 27",
        ),
        ({"trigger": "is_won_back"}, "stage: who is won back is active, not 'at_risk'"),
        ({"channel": "sms"}, "channel: Input should be 'email', 'paid' or 'social', not 'sms'"),
        ({"channel": "paid"}, "recognised_by: paid has no messages; valid values: list, or nothing"),
        ({"race": "Convert"}, "race: at_risk is not a part of Convert; valid values: Engage"),
        ({"stage": "prospect", "race": "Engage"}, "race: prospect is not a part of Engage; valid values: Reach, Act"),
        ({"race": "Wow"}, "race: Input should be 'Reach', 'Act', 'Convert' or 'Engage', not 'Wow'"),
        ({"is_always_on": "yes"}, "is_always_on: Input should be 'true' or 'false', not 'yes'"),
        ({"audience": "riskers"}, "audience: no audience 'riskers'; valid values: prospects, new_customers"),
        ({"recognised_as": ""}, "recognised_by, recognised_as: give both, or neither"),
        ({"recognised_by": ""}, "recognised_by, recognised_as: give both, or neither"),
        ({"recognised_by": "list"}, "recognised_as: no list 'We miss you%'; valid values: Lifecycle: prospects"),
        ({"recognised_by": "tag"}, "recognised_by: Input should be 'list', 'category', 'campaign', 'automation' or"),
        (
            {"recognised_by": "single_send"},
            (
                "recognised_by: Input should be 'list', 'category', 'campaign', 'automation' or 'subject',"
                " not 'single_send'"
            ),
        ),
        ({"recognised_by": "category"}, "recognised_by: only events tell a message's category; set esp.event_files"),
        (
            {"recognised_by": "campaign"},
            "recognised_by: only events tell a message's campaign; set esp.event_files",
        ),
        (
            {"recognised_by": "automation"},
            "recognised_by: only events tell a message's automation; set esp.event_files",
        ),
    ],
)
def test_a_wrong_value_is_named_with_its_line_and_what_would_be_right(
    tmp_path: Path, change: dict[str, str], words: str
) -> None:
    (problem,) = problems(written(tmp_path, ROW | {"scenario": "first"}, ROW | change))
    assert problem.startswith(f"scenario_catalogue.csv line 3: {words}")


@pytest.mark.parametrize("carrier", ["category", "campaign", "automation"])
def test_where_events_are_read_a_message_is_recognised_by_what_they_tell(tmp_path: Path, carrier: str) -> None:
    (scenario,) = scenarios.check(with_events(), written(tmp_path, ROW | {"recognised_by": carrier}))
    assert scenario.recognised_by == carrier


def test_lists_are_those_of_audiences_and_opt_ins(tmp_path: Path) -> None:
    rows = [
        ROW | {"scenario": f"by_{number}", "recognised_by": "list", "recognised_as": name, "channel": channel}
        for number, (name, channel) in enumerate([("Lifecycle: VIP", "email"), ("Newsletter", "social")])
    ]
    assert len(scenarios.check(shipped(), written(tmp_path, *rows))) == 2


def test_every_problem_is_told_at_once(tmp_path: Path) -> None:
    twice = ROW | {"audience": "nobody", "after_days": "x", "race": "Act"}
    messages = problems(written(tmp_path, ROW, ROW | {"scenario": "second", "name": ""}, twice))
    assert [each.split(": ", 2)[:2] for each in messages] == [
        ["scenario_catalogue.csv line 3", "name"],
        ["scenario_catalogue.csv line 4", "after_days"],
        ["scenario_catalogue.csv line 4", "scenario"],
        ["scenario_catalogue.csv line 4", "audience"],
        ["scenario_catalogue.csv line 4", "race"],
    ]
    assert messages[2].endswith("'nudge' stands in line 2, too; each needs a name of its own")


def test_a_line_is_the_one_that_the_row_begins_on(tmp_path: Path) -> None:
    rows = [ROW | {"scenario": "long", "description": "Two\nlines"}, ROW | {"stage": "gone"}]
    assert [each.split(":")[0] for each in problems(written(tmp_path, *rows))] == ["scenario_catalogue.csv line 4"]


def test_a_ragged_row_and_a_wrong_header_are_named(tmp_path: Path) -> None:
    path = written(tmp_path, ROW)
    path.write_text(path.read_text(encoding="utf-8-sig") + "a,b\n", encoding="utf-8")
    expected = (
        f"scenario_catalogue.csv line 3: 2 columns instead of {len(COLUMNS)}; put texts with a comma in double quotes"
    )
    assert problems(path) == [expected]
    others = [name for name in COLUMNS if name != "race"]
    (problem,) = problems(written(tmp_path, columns=[*others, "phase", "name"]))
    words = "unknown column 'phase', missing column 'race', column 'name' repeated; valid columns: scenario, stage"
    assert problem.startswith(f"scenario_catalogue.csv line 1: {words}")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "line 1: missing column 'scenario'"),
        ("scenario\nf\xfcr\n".encode("latin-1"), "is not encoded as UTF-8; save it so"),
        (b'scenario\n"a" b\n', "line 2: no valid CSV"),
        (None, "cannot be read"),
    ],
)
def test_a_file_that_is_no_catalogue_is_told_in_words(tmp_path: Path, content: bytes | None, words: str) -> None:
    path = tmp_path / "scenario_catalogue.csv"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(SettingsInvalid) as raised:
        scenarios.check(shipped(), path)
    assert words in str(raised.value)
