"""The marketer's page as a person meets it: by mouse, by keyboard, on a phone, on paper, and without a right."""

from collections.abc import Callable
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.browser.site import NIGHTS, Site

pytestmark = pytest.mark.browser

Window = Callable[..., Page]
LAST = NIGHTS[-1]
RULES = {"runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]}}
SOMEBODY = """
select person_id from marts.customers join marts.messages using (person_id)
where orders > 1 group by person_id, orders order by count(*) desc, person_id limit 1
"""
NEWSLETTER = """
select due, contacted_in_time from marts.contact_gap where scenario = 'newsletter' order by month desc limit 1 offset 1
"""
LOOKED_AT = "select count(*) from access.person_view where viewed_by = %s and person_id = %s"


def drawn(page: Page) -> None:
    """Scroll past every chart, each of which is drawn as it comes near, and back to the top."""
    for chart in page.locator(".chart:visible").all():
        chart.scroll_into_view_if_needed()
        expect(chart).to_have_attribute("aria-busy", "false")
        expect(chart.locator("svg").first).to_be_visible()
    page.evaluate("scrollTo(0, 0)")


def violations(page: Page) -> list[str]:
    """What axe finds against WCAG, level A and AA, in words."""
    violations = Axe().run(page, options=RULES).response["violations"]
    return [f"{each['id']}: {node['html'][:150]}" for each in violations for node in each["nodes"]]


def open_panel(page: Page, site: Site, language: str = "en") -> None:
    """The page with the figures of the first scenario of the matrix."""
    page.goto(f"{site.page}?lang={language}")
    page.locator(".matrix a.cell").first.click()
    expect(page.get_by_role("dialog")).to_be_visible()
    expect(page.get_by_role("dialog").get_by_role("article")).to_be_visible()


def test_a_marketer_logs_in_and_finds_the_page_in_airflows_navigation(site: Site, window: Window) -> None:
    page = window(None)
    page.goto(site.place.address)
    page.get_by_label("Username").fill("admin")
    page.get_by_label("Password", exact=True).fill(site.password("admin"))
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("link", name="Lifecycle").click()
    inside = page.frame_locator("iframe[title=Lifecycle]")
    expect(inside.get_by_role("heading", name="Stages", exact=True)).to_be_visible()
    inside.get_by_role("link", name="30 days").click()
    expect(inside.get_by_role("link", name="30 days")).to_have_attribute("aria-current", "true")
    page.wait_for_url("**/plugin/lifecycle/lifecycle/?**")


def test_without_a_login_one_is_asked_for_and_leads_back(site: Site, window: Window) -> None:
    page = window(None)
    page.goto(f"{site.page}?lang=de")
    page.get_by_label("Username").fill("viewer")
    page.get_by_label("Password", exact=True).fill(site.password("viewer"))
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(f"{site.page}?lang=de")
    expect(page.locator("html")).to_have_attribute("lang", "de")


def test_the_page_is_drawn(site: Site, window: Window, picture: Callable[[Page, str], None]) -> None:
    page = window()
    page.goto(site.page)
    drawn(page)
    picture(page, "desktop")
    page.locator("#gap").evaluate("section => section.scrollIntoView({behavior: 'instant'})")
    picture(page, "gap")


def test_the_days_can_be_chosen(site: Site, window: Window) -> None:
    page = window()
    page.goto(site.page)
    page.get_by_label("From", exact=True).fill("2017-10-01")
    page.get_by_role("button", name="Show").click()
    assert parse_qs(urlsplit(page.url).query)["from"] == ["2017-10-01"]
    expect(page.get_by_label("From", exact=True)).to_have_value("2017-10-01")
    drawn(page)


def test_an_invalid_date_is_answered_with_a_message(site: Site, window: Window) -> None:
    page = window()
    answer = page.goto(f"{site.page}?from=yesterday")
    assert answer is not None
    assert answer.status == 400
    expect(page.get_by_role("alert")).to_contain_text("yesterday")


def test_the_page_can_be_read_in_german_and_swiss_german(site: Site, window: Window) -> None:
    page = window()
    page.goto(site.page)
    page.get_by_role("link", name="Deutsch", exact=True).click()
    expect(page.locator("html")).to_have_attribute("lang", "de")
    expect(page.get_by_role("button", name="Anzeigen")).to_be_visible()
    page.get_by_role("link", name="Deutsch (Schweiz)").click()
    expect(page.locator("html")).to_have_attribute("lang", "de-CH")


def test_a_cell_of_the_matrix_opens_its_figures(
    site: Site, window: Window, picture: Callable[[Page, str], None]
) -> None:
    due, in_time = site.row(NEWSLETTER)
    page = window()
    page.goto(site.page)
    page.locator(".matrix a.cell[href*='gap/newsletter']").click()
    assert urlsplit(page.url).path == "/lifecycle/"
    panel = page.get_by_role("dialog")
    expect(panel.get_by_role("heading", name="Newsletter", exact=True)).to_be_visible()
    for figure in (due, in_time):
        expect(panel.get_by_role("cell", name=f"{figure:,}", exact=True).first).to_be_visible()
    picture(page, "scenario")
    page.get_by_role("button", name="Close").click()
    expect(page.get_by_role("dialog")).to_be_hidden()


def test_the_figures_are_reached_and_left_by_keyboard_alone(site: Site, window: Window) -> None:
    page = window()
    page.goto(site.page)
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the figures")).to_be_focused()
    cell = page.locator(".matrix a.cell").first
    for _ in range(200):
        page.keyboard.press("Tab")
        if cell.evaluate("cell => cell === document.activeElement"):
            break
    expect(cell).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog")).to_be_visible()
    for _ in range(12):
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement === document.body || !!document.activeElement.closest('dialog')")
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_be_hidden()
    expect(cell).to_be_focused()


def test_without_scripts_a_cell_leads_to_a_page_of_its_own(site: Site, window: Window) -> None:
    page = window(java_script_enabled=False)
    page.goto(site.page)
    page.locator(".matrix a.cell").first.click()
    assert urlsplit(page.url).path.startswith("/lifecycle/gap/")
    expect(page.get_by_role("article")).to_be_visible()


def test_a_persons_history_is_shown_by_id_and_the_view_is_recorded(
    site: Site, window: Window, picture: Callable[[Page, str], None]
) -> None:
    [person] = site.row(SOMEBODY)
    [before] = site.row(LOOKED_AT, "admin", person)
    page = window()
    page.goto(site.page)
    page.get_by_role("link", name="One person").click()
    page.get_by_label("ID of the person").fill(f"{person}")
    page.get_by_role("button", name="Show").click()
    drawn(page)
    for section in ("Stages", "Purchases", "Contacts", "Consent"):
        expect(page.get_by_role("heading", name=section, exact=True)).to_be_visible()
    assert "@" not in page.locator("main").inner_text()
    assert f"{person}" not in page.url
    assert site.row(LOOKED_AT, "admin", person) == (before + 1,)
    picture(page, "person")


def test_a_viewer_sees_figures_and_no_person(site: Site, window: Window) -> None:
    [person] = site.row(SOMEBODY)
    page = window("viewer")
    page.goto(site.page)
    drawn(page)
    expect(page.get_by_role("link", name="One person")).to_have_count(0)
    answer = page.goto(f"{site.page}person?id={person}")
    assert answer is not None
    assert answer.status == 403
    expect(page.get_by_role("alert")).to_contain_text("Not allowed")
    assert site.row(LOOKED_AT, "viewer", person) == (0,)


@pytest.mark.parametrize("path", ["", "person", "reports"])
def test_a_phone_shows_it_without_scrolling_sideways(site: Site, window: Window, path: str) -> None:
    page = window(viewport={"width": 360, "height": 740}, is_mobile=True, has_touch=True)
    page.goto(f"{site.page}{path}")
    if not path:
        drawn(page)
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")


def test_on_paper_there_are_charts_and_tables_and_no_form(site: Site, window: Window) -> None:
    page = window()
    page.goto(site.page)
    drawn(page)
    page.emulate_media(media="print")
    page.evaluate("window.dispatchEvent(new Event('beforeprint'))")
    expect(page.get_by_role("form", name="Filters")).to_be_hidden()
    expect(page.locator("#stages svg").first).to_be_visible()
    expect(page.locator("#stages table")).to_be_visible()


@pytest.mark.parametrize("language", ["en", "de"])
@pytest.mark.parametrize("media", ["light", "dark"])
def test_axe_finds_nothing_on_the_page(site: Site, window: Window, language: str, media: str) -> None:
    page = window(color_scheme=media)
    page.goto(f"{site.page}?lang={language}")
    drawn(page)
    assert violations(page) == []


@pytest.mark.parametrize("language", ["en", "de"])
def test_axe_finds_nothing_in_a_scenarios_figures(site: Site, window: Window, language: str) -> None:
    page = window()
    open_panel(page, site, language)
    assert violations(page) == []


@pytest.mark.parametrize("language", ["en", "de"])
def test_axe_finds_nothing_in_a_persons_history(site: Site, window: Window, language: str) -> None:
    [person] = site.row(SOMEBODY)
    page = window()
    page.goto(f"{site.page}person?id={person}&lang={language}")
    drawn(page)
    assert violations(page) == []


def test_a_nights_report_is_a_file_that_draws_itself_offline(site: Site, window: Window, tmp_path: Path) -> None:
    page = window("viewer")
    page.goto(f"{site.page}reports")
    expect(page.locator(f"a[href$='reports/{LAST}']")).to_be_visible()
    kept = tmp_path / "report.html"
    kept.write_bytes(page.request.get(f"{site.page}reports/{LAST}").body())
    alone = window(None, offline=True)
    alone.goto(kept.as_uri())
    drawn(alone)
    alone.locator(".matrix a.cell").first.click()
    expect(alone.get_by_role("dialog")).to_contain_text("Due:")
    assert violations(alone) == []
