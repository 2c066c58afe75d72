"""Words for what the marts hold as keys; each is translated where it is shown."""


def marked(text: str) -> str:
    """A text that is translated where it is shown: the extractor finds it by this name."""
    return text


STAGES = {
    "prospect": marked("Prospects"),
    "new": marked("New customers"),
    "active": marked("Active"),
    "at_risk": marked("At risk"),
    "lapsed": marked("Lapsed"),
    "lost": marked("Lost"),
    "none": marked("New contacts"),
}
FRAMEWORKS = {
    "stage": marked("Stages"),
    "german_label": marked("German labels"),
    "base_category": marked("Base categories"),
    "race": marked("RACE"),
    "attract_sell_wow": marked("Attract-Sell-Wow"),
    "sterne_cutler": marked("Sterne & Cutler"),
    "hubspot": marked("HubSpot"),
    "growth_accounting": marked("Growth accounting"),
}
VERDICTS = {
    "live": marked("live"),
    "partly": marked("partly"),
    "planned": marked("planned"),
    "missing": marked("missing"),
    "open": marked("open"),
}
CHANNELS = {"email": marked("E-mail"), "paid": marked("Paid media"), "social": marked("Social media")}
ENGAGEMENT = {
    "engaged": marked("Engaged"),
    "dormant": marked("Dormant"),
    "unreachable": marked("Unreachable"),
    "none": marked("Never written to"),
}
REVENUE = "revenue"
METRICS = {"clicked": marked("clicked"), "ordered": marked("ordered"), REVENUE: marked("revenue")}
TRIGGERS = {
    "enters_stage": marked("when somebody enters the stage"),
    "in_stage": marked("once a month to who is in the stage"),
    "purchases": marked("after a purchase"),
    "is_won_back": marked("when somebody is won back"),
    "subscribes": marked("when somebody subscribes"),
    "browses": marked("when somebody looks at products"),
    "fills_basket": marked("when somebody leaves a full basket"),
    "has_birthday": marked("on a birthday"),
    "becomes_vip": marked("when somebody becomes a VIP"),
    "recommends": marked("when somebody recommends the shop"),
    "sees_ad": marked("when somebody sees an ad"),
}
MARKETS = {"b2c": marked("consumers"), "b2b": marked("companies"), "both": marked("consumers and companies")}
CARRIERS = {
    "list": marked("the list “%s”"),
    "category": marked("messages of the category “%s”"),
    "single_send": marked("the single send “%s”"),
    "automation": marked("the automation “%s”"),
    "subject": marked("messages with the subject “%s”"),
}
STANDINGS = {
    "member": marked("on the list"),
    "holdout": marked("held out by lot"),
    "excluded": marked("left out"),
    "none": marked("no decision"),
}
EXCLUSIONS = {
    "no address": marked("no address"),
    "invalid address": marked("invalid address"),
    "suppressed": marked("unsubscribed, bounced or reported as spam"),
    "withdrawn": marked("consent withdrawn"),
    "no consent": marked("no consent"),
    "lower priority": marked("in a more important audience"),
    "contacted recently": marked("contacted a short while ago"),
    "capped": marked("contacted often enough"),
}
ANSWERS = {
    "approved": marked("approved"),
    "rejected": marked("rejected"),
    "unanswered": marked("without an answer"),
}
CAUSES = {
    "entry": marked("first seen"),
    "purchase": marked("a purchase"),
    "time": marked("time without a purchase"),
    "correction": marked("a correction"),
}
EVENTS = {
    "planned: create": marked("planned: a new contact"),
    "planned: update": marked("planned: a change"),
    "planned: leave": marked("planned: off all lists"),
    "planned: refused": marked("not sent again: the provider has refused it"),
    "planned: add": marked("planned: onto the list"),
    "planned: remove": marked("planned: off the list"),
    "decided: member": marked("decided: on the list"),
    "decided: held out": marked("decided: held out by lot"),
    "decided: excluded": marked("decided: left out"),
    "sent: upsert": marked("sent to the provider"),
    "sent: remove": marked("removal sent to the provider"),
    "answered: completed": marked("confirmed by the provider"),
    "answered: failed": marked("not carried out by the provider"),
    "refused": marked("refused by the provider"),
}
STATEMENTS = {
    "spam_report": marked("reported as spam"),
    "unsubscribe": marked("unsubscribed"),
    "group_unsubscribe": marked("unsubscribed from a kind of message"),
    "invalid_email": marked("the address is invalid"),
    "bounce": marked("bounced"),
    "block": marked("blocked by the mail server"),
    "withdrawal": marked("withdrawn at the shop"),
    "double_opt_in": marked("double opt-in"),
    "shop_checkbox": marked("checkbox at the shop"),
    "existing_customer": marked("existing customer"),
}
SAYS = {"consents": marked("for"), "refuses": marked("against")}
