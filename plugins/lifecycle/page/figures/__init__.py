"""All figures of a page, read from the marts in one transaction: sums, never a row for each person."""

from dataclasses import dataclass

from lifecycle.page.choice import Choice
from lifecycle.page.figures import deliveries, effects, engagement, gap, nights, stages
from lifecycle.page.marts import Marts
from lifecycle.settings import Settings


@dataclass(frozen=True, slots=True)
class Figures:
    """One page's figures, a part for each section."""

    stages: stages.Stages
    gap: gap.Gap
    effects: list[effects.Effect]
    deliveries: deliveries.Deliveries
    engagement: engagement.Engagement
    nights: nights.Nights


def read(marts: Marts, settings: Settings, choice: Choice, *, is_whole: bool = False) -> Figures:
    """Everything that a page shows; ``is_whole``: with the days of each scenario."""
    return Figures(
        stages.read(marts, choice),
        gap.read(marts, settings, choice, is_whole=is_whole),
        effects.read(marts),
        deliveries.read(marts, choice),
        engagement.read(marts, choice),
        nights.read(marts, choice),
    )
