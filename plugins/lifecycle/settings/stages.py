"""When a customer changes stage, and what else the marketer calls a customer by."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from lifecycle.settings.section import Days, Name, Section

Quantile = Annotated[float, Field(gt=0, lt=1)]


class NewStage(Section):
    """How long one purchase alone keeps a person new; ``null``: until the person is overdue."""

    max_days: Days | None = None


class AtRisk(Section):
    """From the business day ``after_days`` after the last purchase day on, or from that quantile of the gaps."""

    after_days: Days
    quantile: Quantile = 0.8


class Lapsed(Section):
    """As ``AtRisk``, later."""

    after_days: Days
    quantile: Quantile = 0.9


class Lost(Section):
    """As ``Lapsed``, later."""

    after_days: Days
    quantile: Quantile = 0.975


class RuleSet(Section):
    """Whose purchases count, and after how many days without one a stage begins.

    ``fixed`` takes the days as they stand; ``shop`` takes the quantiles of the gaps between purchase days, once they
    are frozen; ``personal`` weighs these against the person's own gaps.
    """

    kind: Literal["fixed", "shop", "personal"] = "fixed"
    shops: Annotated[list[str], Field(min_length=1)] | None = None
    customers: Literal["all", "b2b", "b2c"] = "all"
    new: NewStage = NewStage()
    at_risk: AtRisk
    lapsed: Lapsed
    lost: Lost
    min_gaps: Annotated[int, Field(ge=1)] = 200
    at_least_days: Days = 7
    credibility_gaps: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        thresholds = (self.at_risk, self.lapsed, self.lost)
        for field in ("after_days", "quantile"):
            values = [getattr(threshold, field) for threshold in thresholds]
            if values != sorted(set(values)):
                message = f"at_risk, lapsed and lost must come one after the other; {field} are {values}"
                raise ValueError(message)
        return self

    def covers_everybody(self) -> bool:
        """Whether no person is left to another rule set."""
        return self.shops is None and self.customers == "all"


class Stages(Section):
    """The rule sets, in order: the first that covers a person gives the stage that audiences use."""

    rulesets: dict[Name, RuleSet] = Field(min_length=1)

    @model_validator(mode="after")
    def _everybody_is_covered(self) -> Self:
        if not list(self.rulesets.values())[-1].covers_everybody():
            message = "the last rule set must be for everybody: 'shops: null' and 'customers: all'"
            raise ValueError(message)
        return self


class Vip(Section):
    """The share of buyers with the highest value or frequency; ties are kept together."""

    share: Annotated[float, Field(gt=0, lt=1)] = 0.05
    by: Literal["revenue", "orders"] = "revenue"


class Engagement(Section):
    """A person who opened or clicked within ``days`` days is engaged; a privacy proxy's opens count if so set."""

    engaged_days: Days = 90
    machine_opens_count: bool = False


class Consent(Section):
    """Whether a buyer may be contacted without an opt-in, under the existing-customer rule."""

    existing_customers: bool = False
