"""All figures of a page, read from the marts in one transaction: aggregates only, no row of a person."""

from dataclasses import dataclass

from lifecycle.page.figures import deliveries, effects, engagement, gap, nights, stages
from lifecycle.page.filters import Filters
from lifecycle.page.marts import Marts
from lifecycle.settings import Settings


@dataclass(frozen=True, slots=True)
class Figures:
    """The figures of the page by section."""

    stages: stages.Stages
    gap: gap.Gap
    effects: list[effects.Effect]
    deliveries: deliveries.Deliveries
    engagement: engagement.Engagement
    nights: nights.Nights


def read(marts: Marts, settings: Settings, filters: Filters, *, is_whole: bool = False) -> Figures:
    """The figures of all sections; ``is_whole``: with the days of each scenario."""
    return Figures(
        stages.read(marts, filters),
        gap.read(marts, settings, filters, is_whole=is_whole),
        effects.read(marts),
        deliveries.read(marts, settings, filters),
        engagement.read(marts, filters),
        nights.read(marts, filters),
    )
