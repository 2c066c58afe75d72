"""Access, error messages, and what every response has."""

import logging

import pytest
from fastapi.testclient import TestClient

from lifecycle import warehouse
from lifecycle.errors import SettingsInvalid
from lifecycle.page import AccessPolicy, application
from tests.page.conftest import Site
from tests.page.parsed_page import ParsedPage
from tests.page.sample_data import ADA, HOSTILE, page_settings

EVERYTHING = [
    "/",
    "/gap/nudge",
    "/person",
    "/reports",
    "/reports/2017-12-31",
    "/static/page.css",
    "/static/plotly.min.js",
]


@pytest.mark.parametrize("address", EVERYTHING)
@pytest.mark.parametrize("status", [401, 403])
def test_nothing_is_served_to_users_who_may_not_see_figures(site: Site, address: str, status: int) -> None:
    site.refused["figures"] = status
    answer = site.client.get(address)
    assert answer.status_code == status
    assert "Prospects" not in answer.text
    assert ("log in" if status == 401 else "Not allowed") in answer.text


def test_before_the_first_night_the_page_says_so(empty_site: Site) -> None:
    assert "No data yet" in empty_site.shown().text
    assert "No data yet" in empty_site.shown("/gap/nudge").text


def test_marts_that_were_not_built_yet_are_empty_sections(own_site: Site) -> None:
    with warehouse.connect(own_site.url) as connection:
        connection.execute(
            "drop table marts.contact_scenarios, marts.contact_gap, marts.contact_gap_daily, marts.audience_effects,"
            " marts.engagement_daily, marts.engagement_by_stage, marts.stage_moves, marts.cohorts"
        )
    page = own_site.shown()
    assert "Not measured yet" in page.section("gap")
    assert "Nothing to compare yet" in page.section("effects")
    assert "Nobody moved in this period." in page.section("moves")
    assert "There is no second month" in page.section("cohorts")


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("from=yesterday", "from: “yesterday” is not a valid date; use, for example, 2017-12-31."),
        ("from=2017-12-31&to=2017-12-01", "from (2017-12-31) is after to (2017-12-01)"),
        ("shop=east", "shop: “east” is not valid; valid values: all, north, south."),
        ("ruleset=x", "ruleset: “x” is not valid; valid values: companies, default."),
        ("framework=x", "framework: “x” is not valid; valid values: stage, german_label"),
        ("lang=fr", "lang: “fr” is not valid; valid values: en, de, de_CH."),
        ("lang=de&from=x", "from: „x“ ist kein gültiges Datum"),
    ],
)
def test_an_invalid_parameter_is_answered_with_the_valid_values(site: Site, query: str, message: str) -> None:
    for address in (f"/?{query}", f"/gap/nudge?{query}"):
        answer = site.client.get(address)
        assert answer.status_code == 400
        assert message in ParsedPage(answer.text).text


def test_a_day_after_the_last_night_is_taken_as_the_last_night(site: Site) -> None:
    assert "on 31 Dec 2017" in site.shown("/?to=2031-01-01").section("stages")


@pytest.mark.parametrize(
    "address", ["/gap/nothing", "/reports/2016-01-01", "/reports/never", "/static/secret", "/nowhere"]
)
def test_an_unknown_address_is_answered_with_a_message(site: Site, address: str) -> None:
    answer = site.client.get(address)
    assert (answer.status_code, "There is no such page" in answer.text) == (404, True)


def test_an_unreachable_warehouse_is_answered_with_a_message() -> None:
    answer = Site("postgresql://nobody:secret@127.0.0.1:1/none").client.get("/")
    assert answer.status_code == 503
    assert "be reached" in answer.text
    assert "secret" not in answer.text


def test_a_missing_connection_is_answered_with_what_to_do() -> None:
    def missing() -> str:
        message = "Airflow has no connection warehouse_page"
        raise SettingsInvalid(message)

    policy = AccessPolicy(lambda: None, lambda: None, lambda: "marketer", lambda: True, missing)
    answer = TestClient(application(page_settings(), policy)).get("/")
    assert answer.status_code == 503
    assert "Airflow has no connection warehouse_page" in answer.text


def test_a_missing_permission_is_answered_with_a_message(own_site: Site) -> None:
    with warehouse.connect(own_site.url) as connection:
        connection.execute("revoke select on marts.stage_daily from lifecycle_figures")
    answer = own_site.client.get("/")
    assert answer.status_code == 503
    assert "no right to read marts.stage_daily" in answer.text


def test_a_login_without_the_role_is_answered_with_a_message(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lifecycle.page.view.FIGURES_ROLE", "nobody_at_all")
    answer = site.client.get("/")
    assert answer.status_code == 503
    assert "not a member of the role nobody_at_all" in answer.text


def test_values_of_the_warehouse_are_escaped(site: Site) -> None:
    for address in ("/", "/gap/nudge", f"/person?id={ADA}", "/?shop=%3Cscript%3Ealert(1)%3C/script%3E"):
        text = site.client.get(address).text
        assert "<script>alert" not in text
    assert HOSTILE in site.shown("/gap/nudge").text


def test_data_cannot_end_the_script_that_carries_it() -> None:
    from lifecycle.page.render import data

    assert "</script" not in data({"name": "</script><script>alert(1)</script>"})


def test_every_answer_has_its_headers(site: Site) -> None:
    for address in ("/", "/person", "/nowhere"):
        headers = site.client.get(address).headers
        assert "script-src 'self';" in headers["content-security-policy"]
        assert "frame-ancestors 'self'" in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["cache-control"] == "no-store"


def test_a_page_has_no_script_or_style_of_its_own_and_nothing_from_outside(site: Site) -> None:
    for tag, attributes in site.shown().elements:
        assert "style" not in attributes
        assert tag != "style"
        assert tag != "script" or attributes.get("type") == "application/json" or attributes.get("src")
        assert not any("//" in (attributes.get(name) or "") for name in ("src", "href", "action"))


def test_links_lead_to_the_page_wherever_it_is_mounted(filled: str) -> None:
    from fastapi import FastAPI

    outer = FastAPI()
    outer.mount("/somewhere/lifecycle", Site(filled).client.app)
    client = TestClient(outer, base_url="http://host")
    for address in ("/somewhere/lifecycle/", "/somewhere/lifecycle/gap/nudge"):
        page = client.get(address)
        (style,) = [
            attributes["href"]
            for tag, attributes in ParsedPage(page.text).elements
            if attributes.get("rel") == "stylesheet"
        ]
        assert client.get(str(page.url.join(style or ""))).status_code == 200


def test_without_javascript_links_and_forms_do_it_all(site: Site) -> None:
    page = site.shown()
    assert any(link.startswith("./gap/nudge?") for link in page.links())
    assert {attributes.get("name") for tag, attributes in page.elements if tag in {"input", "select"}} == {
        *("from", "to", "shop", "ruleset", "framework", "lang")
    }


def test_every_link_to_figures_keeps_the_filters(site: Site) -> None:
    page = site.shown("/?from=2017-12-01&shop=north&framework=base_category&lang=de")
    (link,) = [link for link in page.links() if link.startswith("./gap/nudge?")]
    assert all(part in link for part in ("from=2017-12-01", "shop=north", "framework=base_category", "lang=de"))


def test_no_id_and_no_user_is_logged(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "lifecycle"):
        site.client.get(f"/person?id={ADA}")
    assert ADA not in "".join(record.getMessage() for record in caplog.records if record.name.startswith("lifecycle"))
