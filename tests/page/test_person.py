"""One person's history is shown to users who may see it, and every view is recorded first."""

from typing import Any

import pytest

from lifecycle import warehouse
from tests.page.conftest import Site
from tests.page.parsed_page import ParsedPage
from tests.page.sample_data import ADA, HOSTILE

NOTHING = "\N{EN DASH}"
NOBODY = "00000000-0000-4000-8000-000000000000"


def views(site: Site) -> list[tuple[Any, ...]]:
    with warehouse.connect(site.url) as connection:
        return connection.execute("select viewed_by, person_id::text from access.person_view order by 2").fetchall()


def test_stages_purchases_contacts_consent_and_corrections_are_shown(site: Site) -> None:
    page = site.shown(f"/person?id={ADA}")
    assert "At risk since 20 Dec 2017, as of 31 Dec 2017." in page.section("stage")
    assert ["Lapsed", "10 Jan 2018", NOTHING, "without a purchase"] in page.rows("stage")
    assert ["1 Dec 2017", "Active customers", "New customers", "24 Dec 2017"] in page.rows("stage", 1)
    assert ["2 Oct 2017", "north", "2", "CHF\N{NO-BREAK SPACE}51.25"] in page.rows("purchases")
    assert ["21 Dec 2017", HOSTILE, "22 Dec 2017", NOTHING] in page.rows("contacts")
    assert ["double opt-in", "for", "esp", "2 Oct 2017", "decides"] in page.rows("consent")
    assert page.charts["history"]["data"][0]["base"] == ["2017-10-02"]


def test_name_and_address_are_not_shown(site: Site) -> None:
    assert "ada" not in site.client.get(f"/person?id={ADA}").text.lower().replace(ADA, "")


def test_the_form_posts_the_id(site: Site) -> None:
    answer = site.client.post("/person", data={"id": f" {ADA} "})
    assert "At risk since" in ParsedPage(answer.text).text
    assert "ID of the person" in site.shown("/person").text


def test_a_view_of_an_unknown_id_is_recorded(own_site: Site) -> None:
    own_site.shown(f"/person?id={ADA}")
    answer = own_site.client.get(f"/person?id={NOBODY}")
    assert (answer.status_code, "No person has this ID." in answer.text) == (404, True)
    assert views(own_site) == [("marketer", NOBODY), ("marketer", ADA)]


def test_an_invalid_id_is_answered_with_a_message_and_not_recorded(own_site: Site) -> None:
    answer = own_site.client.get("/person?id=ada")
    assert (answer.status_code, "This is not a valid ID" in answer.text) == (400, True)
    assert views(own_site) == []


def test_nothing_is_shown_if_the_view_cannot_be_recorded(own_site: Site) -> None:
    with warehouse.connect(own_site.url) as connection:
        connection.execute("alter table access.person_view add check (viewed_by <> 'marketer')")
    answer = own_site.client.get(f"/person?id={ADA}")
    assert answer.status_code == 503
    assert "At risk since" not in answer.text


def test_a_view_is_recorded_even_if_reading_fails(own_site: Site) -> None:
    with warehouse.connect(own_site.url) as connection:
        connection.execute("alter table marts.stage_intervals rename column cause to reason")
    assert own_site.client.get(f"/person?id={ADA}").status_code == 503
    assert views(own_site) == [("marketer", ADA)]


@pytest.mark.parametrize("status", [401, 403])
def test_users_without_the_right_see_no_person(own_site: Site, status: int) -> None:
    own_site.refused["people"] = status
    for answer in (own_site.client.get(f"/person?id={ADA}"), own_site.client.post("/person", data={"id": ADA})):
        assert answer.status_code == status
        assert "At risk" not in answer.text
    assert views(own_site) == []


def test_the_link_to_persons_is_shown_only_to_users_who_may_see_them(site: Site) -> None:
    assert any("person" in link for link in site.shown().links())
    site.refused["people"] = 403
    assert not any("person" in link for link in site.shown().links())


def test_the_figures_role_cannot_read_persons(site: Site) -> None:
    from lifecycle.page.marts import FIGURES_ROLE, Marts

    with warehouse.acting_as(site.url, FIGURES_ROLE) as connection:
        assert not Marts.of(connection).tables["marts.customers"]
