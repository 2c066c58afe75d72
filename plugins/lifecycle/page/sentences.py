"""What figures mean, in a sentence."""

from collections.abc import Sequence
from decimal import Decimal

from lifecycle.page.figures.deliveries import Doubt, ReadBack, Run
from lifecycle.page.figures.effects import Effect
from lifecycle.page.figures.gap import ScenarioResult, Worth
from lifecycle.page.figures.nights import Failure
from lifecycle.page.labels import APPROVALS, DOUBTS, GATES, READ_BACK, RECOGNITION, REVENUE, TRIGGERS
from lifecycle.page.locales import DASH, MINUS, Locale


def recognition(result: ScenarioResult, locale: Locale) -> str:
    """By what the scenario's messages are recognised at the provider."""
    kind, name = result.scenario.recognised_by, result.scenario.recognised_as
    if not kind:
        return locale.text("Not set up at the email provider yet.")
    return locale.text("Recognised by %s.") % (locale.label(RECOGNITION, kind) % name if kind in RECOGNITION else name)


def trigger(result: ScenarioResult, locale: Locale) -> str:
    """When the contact is due, and for how long."""
    scenario = result.scenario
    parts = [locale.label(TRIGGERS, scenario.trigger)]
    if scenario.after_days:
        parts.append(locale.plural("%s day later", "%s days later", scenario.after_days) % scenario.after_days)
    if scenario.due_within_days is not None:
        days = scenario.due_within_days
        parts.append(locale.plural("within %s day", "within %s days", days) % days)
    return ", ".join(parts)


def worth(result: ScenarioResult, currency: str, locale: Locale) -> str:
    """What the missing contacts are worth and what that estimate rests on, or why there is no estimate."""
    estimate = result.worth
    if estimate and estimate.people:
        return _estimate(estimate, currency, locale)
    if not result.scenario.is_measured:
        return locale.text("No value can be estimated: no data source says when this contact is due.")
    if not result.total("not_contacted"):
        return locale.text("No contact is missing.")
    if not result.scenario.audience:
        return locale.text("No value can be estimated: no audience with a control group measures this contact.")
    unproven = locale.text(
        "No value can be estimated: the control group of “%s” does not show (yet) that contacts bring revenue."
    )
    return unproven % result.scenario.audience


def _estimate(estimate: Worth, currency: str, locale: Locale) -> str:
    totals = (estimate.total, estimate.low, estimate.high)
    each, low, high = (locale.money(Decimal(total) / estimate.people, currency) for total in totals)
    sentence = locale.text(
        "Value of the missing contacts: %(people)s people at %(each)s each (%(low)s to %(high)s) = %(total)s, measured"
        " on %(contacted)s contacted and %(held_out)s held-out people in “%(audience)s”."
    )
    return sentence % {
        "people": locale.number(estimate.people),
        "each": each,
        "low": low,
        "high": high,
        "total": locale.money(estimate.total, currency),
        "contacted": locale.number(estimate.contacted),
        "held_out": locale.number(estimate.held_out),
        "audience": estimate.audience,
    }


def amount(value: Decimal | None, metric: str, currency: str, locale: Locale) -> str:
    """A mean: money, or a share."""
    if value is None:
        return DASH
    return locale.money(value, currency) if metric == REVENUE else locale.share(value, 2)


def difference(value: Decimal | None, metric: str, currency: str, locale: Locale) -> str:
    """A lift with its sign: money, or percentage points."""
    if value is None:
        return DASH
    if metric == REVENUE:
        sign = "+" if value > 0 else MINUS if value < 0 else "±"
        return sign + locale.money(abs(value), currency)
    return locale.text("%s points") % _signed(value, metric, locale)


def interval(low: Decimal | None, high: Decimal | None, metric: str, locale: Locale) -> str:
    """The bounds of a lift, without its unit."""
    if low is None or high is None:
        return DASH
    bounds = {"low": _signed(low, metric, locale), "high": _signed(high, metric, locale)}
    return locale.text("%(low)s to %(high)s") % bounds


def effect(measured: Effect, currency: str, locale: Locale) -> str:
    """What an effect's verdict means."""
    if measured.verdict == "too_few" or measured.always_low is None:
        return locale.text("Not enough people yet.")
    values = {
        "lift": difference(measured.lift, measured.metric, currency, locale),
        "range": interval(measured.always_low, measured.always_high, measured.metric, locale),
    }
    if measured.verdict == "higher":
        return locale.text("Higher for contacted people by %(lift)s (%(range)s).") % values
    if measured.verdict == "lower":
        return locale.text("Lower for contacted people: %(lift)s (%(range)s).") % values
    return locale.text("No effect shown yet: the true difference may be anything from %(range)s.") % values


def _signed(value: Decimal, metric: str, locale: Locale) -> str:
    return locale.signed(value if metric == REVENUE else value * 100, 2)


def guard(run: Run, locale: Locale) -> str:
    """Which guards stopped a plan, and whether somebody approved it."""
    if not run.stopped_by:
        return ""
    approval = locale.label(APPROVALS, run.answer) if run.answer else locale.text("waiting for approval")
    return locale.text("Stopped by %(guards)s: %(answer)s.") % {"guards": run.stopped_by, "answer": approval}


def doubt(noticed: Doubt, locale: Locale) -> str:
    """What could no longer be relied on, and what becomes of it."""
    text = locale.label(DOUBTS, noticed.reason)
    return text % noticed.name if "%s" in text else text


def reconciliation(lists: Sequence[ReadBack], locale: Locale) -> str:
    """Whether the lists were as confirmed when they were read back."""
    day = locale.day(lists[0].run_date)
    differing = sum(not each.is_as_confirmed for each in lists)
    if not differing:
        return locale.text("After the night of %s, every list was as confirmed.") % day
    sentence = locale.plural(
        "After the night of %(day)s, %(differing)s of %(lists)s lists was not as confirmed.",
        "After the night of %(day)s, %(differing)s of %(lists)s lists were not as confirmed.",
        differing,
    )
    return sentence % {"day": day, "differing": locale.number(differing), "lists": locale.number(len(lists))}


def check(failure: Failure, locale: Locale) -> str:
    """A check by its suite and name; of a list that was read back, by the list."""
    if failure.gate == READ_BACK:
        return f"{locale.label(GATES, READ_BACK)}: {failure.suite}"
    column = f" ({failure.column_name})" if failure.column_name else ""
    return f"{failure.suite}: {failure.expectation}{column}"
