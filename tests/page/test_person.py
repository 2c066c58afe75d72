"""One person's history is shown to whom may see it, and only after it was kept who looks."""

from typing import Any

import pytest

from lifecycle import warehouse
from tests.page.conftest import Site
from tests.page.made import ADA, HOSTILE
from tests.page.reading import Shown

NOTHING = "\N{EN DASH}"
NOBODY = "00000000-0000-4000-8000-000000000000"


def looks(site: Site) -> list[tuple[Any, ...]]:
    with warehouse.connect(site.url) as connection:
        return connection.execute("select viewed_by, person_id::text from access.person_view order by 2").fetchall()


def test_stages_purchases_contacts_consent_and_corrections_are_shown(site: Site) -> None:
    page = site.shown(f"/person?id={ADA}")
    assert "At risk since 20 Dec 2017, as of 31 Dec 2017." in page.section("stage")
    assert ["Lapsed", "10 Jan 2018", NOTHING, "if nothing happens"] in page.rows("stage")
    assert ["1 Dec 2017", "Active", "New customers", "24 Dec 2017"] in page.rows("stage", 1)
    assert ["2 Oct 2017", "north", "2", "51.25\N{NO-BREAK SPACE}CHF"] in page.rows("purchases")
    assert ["21 Dec 2017", HOSTILE, "22 Dec 2017", NOTHING] in page.rows("contacts")
    assert ["double opt-in", "for", "esp", "2 Oct 2017", "decides"] in page.rows("consent")
    assert page.charts["history"]["data"][0]["base"] == ["2017-10-02"]


def test_name_and_address_are_not_shown(site: Site) -> None:
    assert "ada" not in site.client.get(f"/person?id={ADA}").text.lower().replace(ADA, "")


def test_the_form_posts_the_id(site: Site) -> None:
    answer = site.client.post("/person", data={"id": f" {ADA} "})
    assert "At risk since" in Shown(answer.text).text
    assert "Id of the person" in site.shown("/person").text


def test_who_looks_is_kept_also_for_an_id_that_nobody_has(own_site: Site) -> None:
    own_site.shown(f"/person?id={ADA}")
    answer = own_site.client.get(f"/person?id={NOBODY}")
    assert (answer.status_code, "Nobody has this id." in answer.text) == (404, True)
    assert looks(own_site) == [("marketer", NOBODY), ("marketer", ADA)]


def test_what_is_no_id_is_answered_in_words_and_not_kept(own_site: Site) -> None:
    answer = own_site.client.get("/person?id=ada")
    assert (answer.status_code, "That is no id" in answer.text) == (400, True)
    assert looks(own_site) == []


def test_nothing_is_shown_if_it_cannot_be_kept_who_looks(own_site: Site) -> None:
    with warehouse.connect(own_site.url) as connection:
        connection.execute("alter table access.person_view add check (viewed_by <> 'marketer')")
    answer = own_site.client.get(f"/person?id={ADA}")
    assert answer.status_code == 503
    assert "At risk since" not in answer.text


def test_a_look_is_kept_even_if_reading_fails(own_site: Site) -> None:
    with warehouse.connect(own_site.url) as connection:
        connection.execute("alter table marts.stage_intervals rename column cause to reason")
    assert own_site.client.get(f"/person?id={ADA}").status_code == 503
    assert looks(own_site) == [("marketer", ADA)]


@pytest.mark.parametrize("status", [401, 403])
def test_who_may_not_see_persons_sees_none(own_site: Site, status: int) -> None:
    own_site.refused["people"] = status
    for answer in (own_site.client.get(f"/person?id={ADA}"), own_site.client.post("/person", data={"id": ADA})):
        assert answer.status_code == status
        assert "At risk" not in answer.text
    assert looks(own_site) == []


def test_the_way_to_persons_is_only_shown_to_who_may_go_it(site: Site) -> None:
    assert any("person" in link for link in site.shown().links())
    site.refused["people"] = 403
    assert not any("person" in link for link in site.shown().links())


def test_the_figures_role_cannot_read_persons(site: Site) -> None:
    from lifecycle.page.marts import FIGURES, Marts

    with warehouse.acting_as(site.url, FIGURES) as connection:
        assert not Marts.of(connection).tables["marts.customers"]
