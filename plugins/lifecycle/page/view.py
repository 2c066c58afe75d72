"""One page's figures, read in one transaction."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from lifecycle import warehouse
from lifecycle.page import figures
from lifecycle.page.choice import PRESETS, Choice, checked
from lifecycle.page.figures import gap, nights
from lifecycle.page.marts import FIGURES, Marts
from lifecycle.settings import Settings


@dataclass(frozen=True, slots=True)
class View:
    """A page as asked for; ``last`` is the last night."""

    last: date
    choice: Choice
    figures: figures.Figures


@dataclass(frozen=True, slots=True)
class LineView:
    """One scenario's figures; no line where the catalogue has no such scenario."""

    choice: Choice
    line: gap.Line | None


def page(url: str, settings: Settings, given: Mapping[str, str]) -> View | None:
    """All figures, or None before the first night."""
    with warehouse.acting_as(url, FIGURES) as connection:
        marts = Marts.of(connection)
        last = nights.last_night(marts)
        if last is None:
            return None
        choice = checked(given, settings, last)
        return View(last, choice, figures.read(marts, settings, choice))


def line(url: str, settings: Settings, given: Mapping[str, str], scenario: str) -> LineView | None:
    """One scenario's figures, or None before the first night."""
    with warehouse.acting_as(url, FIGURES) as connection:
        marts = Marts.of(connection)
        last = nights.last_night(marts)
        if last is None:
            return None
        choice = checked(given, settings, last)
        return LineView(choice, gap.read_line(marts, settings, choice, scenario))


def shown(view: View, settings: Settings) -> dict[str, Any]:
    """What the templates of a page are given."""
    return {
        "last": view.last,
        "choice": view.choice,
        "figures": view.figures,
        "settings": settings,
        "shops": list(settings.shops),
        "rulesets": list(settings.stages.rulesets),
        "currency": settings.currency,
        "live_share": settings.measuring.live_share,
        "presets": PRESETS,
    }
