"""The figures of one page, read in one transaction."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from lifecycle import warehouse
from lifecycle.page import figures
from lifecycle.page.figures import gap, nights
from lifecycle.page.filters import PRESETS, Filters, parse_filters
from lifecycle.page.marts import FIGURES_ROLE, Marts
from lifecycle.settings import Settings


@dataclass(frozen=True, slots=True)
class View:
    """The figures of the main page."""

    last_night: date
    filters: Filters
    figures: figures.Figures


@dataclass(frozen=True, slots=True)
class ScenarioView:
    """The figures of one scenario; ``result`` is None if the catalogue has no such scenario."""

    filters: Filters
    result: gap.ScenarioResult | None


def read_page(url: str, settings: Settings, query: Mapping[str, str]) -> View | None:
    """All figures, or None before the first night."""
    with warehouse.acting_as(url, FIGURES_ROLE) as connection:
        marts = Marts.of(connection)
        last_night = nights.last_night(marts)
        if last_night is None:
            return None
        filters = parse_filters(query, settings, last_night)
        return View(last_night, filters, figures.read(marts, settings, filters))


def read_scenario(url: str, settings: Settings, query: Mapping[str, str], scenario: str) -> ScenarioView | None:
    """One scenario's figures, or None before the first night."""
    with warehouse.acting_as(url, FIGURES_ROLE) as connection:
        marts = Marts.of(connection)
        last_night = nights.last_night(marts)
        if last_night is None:
            return None
        filters = parse_filters(query, settings, last_night)
        return ScenarioView(filters, gap.read_scenario(marts, settings, filters, scenario))


def template_values(view: View, settings: Settings) -> dict[str, Any]:
    """The variables of the main page's templates."""
    return {
        "last_night": view.last_night,
        "filters": view.filters,
        "figures": view.figures,
        "settings": settings,
        "shops": list(settings.shops),
        "rulesets": list(settings.stages.rulesets),
        "currency": settings.currency,
        "live_share": settings.measuring.live_share,
        "presets": PRESETS,
    }
