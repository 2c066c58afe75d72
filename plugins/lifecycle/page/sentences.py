"""What figures mean, in a sentence."""

from decimal import Decimal

from lifecycle.page.figures.deliveries import Run
from lifecycle.page.figures.effects import Effect
from lifecycle.page.figures.gap import Line, Worth
from lifecycle.page.tables import ANSWERS, CARRIERS, REVENUE, TRIGGERS
from lifecycle.page.words import MINUS, NOTHING, Words


def word(table: dict[str, str], key: str, say: Words) -> str:
    """A word of a table, or, of a key that it does not know, the key without underscores."""
    return say.text(table[key]) if key in table else key.replace("_", " ")


def carrier(line: Line, say: Words) -> str:
    """What at the provider is taken for this contact."""
    by, stated = line.scenario.recognised_by, line.scenario.recognised_as
    if not by:
        return say.text("Nothing at the provider does this yet.")
    return say.text("Recognised by %s.") % (word(CARRIERS, by, say) % stated if by in CARRIERS else stated)


def trigger(line: Line, say: Words) -> str:
    """When it is due, and for how long."""
    scenario = line.scenario
    said = [word(TRIGGERS, scenario.trigger, say)]
    if scenario.after_days:
        said.append(say.plural("%s day later", "%s days later", scenario.after_days) % scenario.after_days)
    if scenario.due_within_days is not None:
        within = scenario.due_within_days
        said.append(say.plural("within %s day", "within %s days", within) % within)
    return ", ".join(said)


def worth(line: Line, currency: str, say: Words) -> str:
    """What it would bring to contact those who were not, with what that rests on; or why nobody can say."""
    found = line.worth
    if found and found.people:
        return _worth(found, currency, say)
    if not line.scenario.is_measured:
        return say.text("No worth can be told: who is due for this contact is in no data that the warehouse holds.")
    if not line.total("not_contacted"):
        return say.text("Nobody was left out, so nothing was missed.")
    if not line.scenario.audience:
        return say.text("No worth can be told: no audience with a hold-out measures what this contact brings.")
    unknown = say.text("No worth can be told: the hold-out of “%s” has not shown (yet) that contacts bring revenue.")
    return unknown % line.scenario.audience


def _worth(found: Worth, currency: str, say: Words) -> str:
    each = [say.money(Decimal(value) / found.people, currency) for value in (found.total, found.low, found.high)]
    told = say.text(
        "%(people)s people at %(each)s each (%(low)s to %(high)s) = %(total)s, measured on %(contacted)s contacted and"
        " %(held_out)s held out in “%(audience)s”."
    )
    return told % {
        "people": say.number(found.people),
        "each": each[0],
        "low": each[1],
        "high": each[2],
        "total": say.money(found.total, currency),
        "contacted": say.number(found.contacted),
        "held_out": say.number(found.held_out),
        "audience": found.audience,
    }


def amount(value: Decimal | None, metric: str, currency: str, say: Words) -> str:
    """A mean: money, or a share."""
    if value is None:
        return NOTHING
    return say.money(value, currency) if metric == REVENUE else say.share(value, 2)


def difference(value: Decimal | None, metric: str, currency: str, say: Words) -> str:
    """A lift with its sign: money, or percentage points."""
    if value is None:
        return NOTHING
    return say.text("%s points") % _signed(value, metric, say) if metric != REVENUE else _priced(value, currency, say)


def interval(low: Decimal | None, high: Decimal | None, metric: str, say: Words) -> str:
    """From where to where a lift may lie, without its unit."""
    if low is None or high is None:
        return NOTHING
    return say.text("%(low)s to %(high)s") % {"low": _signed(low, metric, say), "high": _signed(high, metric, say)}


def effect(found: Effect, currency: str, say: Words) -> str:
    """What can honestly be said about an effect."""
    if found.verdict == "too_few" or found.always_low is None:
        return say.text("Too few people to say anything yet.")
    told = {
        "lift": difference(found.lift, found.metric, currency, say),
        "range": interval(found.always_low, found.always_high, found.metric, say),
    }
    if found.verdict == "higher":
        return say.text("Higher among the contacted by %(lift)s (%(range)s).") % told
    if found.verdict == "lower":
        return say.text("Lower among the contacted: %(lift)s (%(range)s).") % told
    return say.text("Not yet distinguishable from no effect: anything from %(range)s is possible.") % told


def _signed(value: Decimal, metric: str, say: Words) -> str:
    return say.signed(value if metric == REVENUE else value * 100, 2)


def _priced(value: Decimal, currency: str, say: Words) -> str:
    sign = "+" if value > 0 else MINUS if value < 0 else "±"
    return sign + say.money(abs(value), currency)


def guard(run: Run, say: Words) -> str:
    """What stopped a plan, and what was answered."""
    if not run.stopped_by:
        return ""
    answer = word(ANSWERS, run.answer, say) if run.answer else say.text("waiting for an answer")
    return say.text("Stopped by %(guards)s: %(answer)s.") % {"guards": run.stopped_by, "answer": answer}
