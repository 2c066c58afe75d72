"""Only the staging of a kind knows its vendor: after ``int_shop_*`` and ``int_esp_*``, all kinds are alike."""

import re
from pathlib import Path

from lifecycle.settings import DBT_PROJECT

STAGING = DBT_PROJECT / "models" / "staging"
FOLDERS = ("models", "macros", "seeds", "tests")
VENDORS = re.compile("sendgrid|brevo|klaviyo|mailchimp|woocommerce|shopify|shopware", re.IGNORECASE)
#: What a vendor alone calls a thing, by the kind whose staging may say so.
WORDS = {"sendgrid": re.compile(r"single[ _]?send|mc_auto|(?<![a-z])sg_|asm_group", re.IGNORECASE)}
#: A staging model of a kind of shop or provider; those of the marketer's file are for all.
STAGING_MODEL = re.compile(r"\bstg_(?!settings__)\w+?__\w+")
#: What every provider has.
ENTITIES = ("contacts", "list_members", "suppressions", "messages", "events", "campaigns")


def texts() -> dict[Path, str]:
    """Every file of the project that is SQL or tells about it."""
    paths = [path for folder in FOLDERS for path in (DBT_PROJECT / folder).rglob("*.*")]
    return {path: path.read_text() for path in paths if path.suffix in {".sql", ".yml", ".csv"}}


def kind_of(path: Path) -> str | None:
    """The kind of source whose staging a file belongs to."""
    return path.relative_to(STAGING).parts[0] if path.is_relative_to(STAGING) else None


def test_only_the_staging_of_a_kind_names_its_vendor() -> None:
    named = {path: {name.lower() for name in VENDORS.findall(text)} for path, text in texts().items()}
    assert {path.name: names for path, names in named.items() if not names <= {kind_of(path)}} == {}


def test_only_the_staging_of_a_kind_uses_its_vendors_words() -> None:
    used = {
        path: {word.lower() for kind, words in WORDS.items() if kind != kind_of(path) for word in words.findall(text)}
        for path, text in texts().items()
    }
    assert {path.name: words for path, words in used.items() if words} == {}


def test_nothing_after_staging_asks_one_kind() -> None:
    asked = {path: STAGING_MODEL.findall(text) for path, text in texts().items() if not kind_of(path)}
    assert {path.name: models for path, models in asked.items() if models} == {}


def test_vendors_their_words_and_staging_models_are_recognised() -> None:
    assert VENDORS.findall("raw.SendGrid__x") == ["SendGrid"]
    words = "Single Send, single_send_id, singlesend_id, mc_auto_id, 'sg_event_id', asm_group_id, msg_id"
    expected = ["Single Send", "single_send", "singlesend", "mc_auto", "sg_", "asm_group"]
    assert WORDS["sendgrid"].findall(words) == expected
    assert STAGING_MODEL.findall("ref('stg_sendgrid__events'), stg_settings__shops") == ["stg_sendgrid__events"]


def test_every_kind_of_provider_has_a_model_of_each_entity() -> None:
    kinds = {path.parent.name for path in STAGING.rglob("stg_*__suppressions.sql")}
    wanted = {STAGING / kind / f"stg_{kind}__{entity}.sql" for kind in kinds for entity in ENTITIES}
    assert wanted
    assert {path.name for path in wanted if not path.is_file()} == set()
