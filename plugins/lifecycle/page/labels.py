"""Labels for the keys that the marts hold; each is translated where it is shown."""


def translatable(text: str) -> str:
    """Mark a text for the message extractor."""
    return text


STAGES = {
    "prospect": translatable("Prospects"),
    "new": translatable("New customers"),
    "active": translatable("Active customers"),
    "at_risk": translatable("At risk"),
    "lapsed": translatable("Lapsed"),
    "lost": translatable("Lost"),
    "none": translatable("New contacts"),
}
FRAMEWORKS = {
    "stage": translatable("Stages"),
    "german_label": translatable("German stage names"),
    "base_category": translatable("Basic customer groups"),
    "race": translatable("RACE"),
    "attract_sell_wow": translatable("Attract-Sell-Wow"),
    "sterne_cutler": translatable("Sterne & Cutler"),
    "hubspot": translatable("HubSpot"),
    "growth_accounting": translatable("Growth accounting"),
}
VERDICTS = {
    "live": translatable("live"),
    "partly": translatable("partly"),
    "planned": translatable("planned"),
    "missing": translatable("missing"),
    "open": translatable("open"),
}
CHANNELS = {
    "email": translatable("Email"),
    "paid": translatable("Paid media"),
    "social": translatable("Social media"),
}
ENGAGEMENT = {
    "engaged": translatable("Engaged"),
    "dormant": translatable("Dormant"),
    "unreachable": translatable("Unreachable"),
    "none": translatable("No messages yet"),
}
REVENUE = "revenue"
METRICS = {
    "clicked": translatable("Clicked"),
    "ordered": translatable("Ordered"),
    REVENUE: translatable("Revenue per person"),
}
TRIGGERS = {
    "enters_stage": translatable("when a person enters the stage"),
    "in_stage": translatable("once a month while a person is in the stage"),
    "purchases": translatable("after a purchase"),
    "is_won_back": translatable("after a win-back"),
    "subscribes": translatable("when a person subscribes"),
    "browses": translatable("after a person has viewed products"),
    "fills_basket": translatable("after a person has abandoned a basket"),
    "has_birthday": translatable("on a person's birthday"),
    "becomes_vip": translatable("when a person becomes a VIP"),
    "recommends": translatable("after a person has recommended the shop"),
    "sees_ad": translatable("after a person has seen an ad"),
}
MARKETS = {
    "b2c": translatable("consumers"),
    "b2b": translatable("companies"),
    "both": translatable("consumers and companies"),
}
RECOGNITION = {
    "list": translatable("the list “%s”"),
    "category": translatable("messages of the category “%s”"),
    "campaign": translatable("the campaign “%s”"),
    "automation": translatable("the automation “%s”"),
    "subject": translatable("messages with the subject “%s”"),
}
AUDIENCE_STATUSES = {
    "member": translatable("on the list"),
    "holdout": translatable("held out (control group)"),
    "excluded": translatable("excluded"),
    "none": translatable("not in the audience"),
}
EXCLUSIONS = {
    "no address": translatable("no address"),
    "invalid address": translatable("invalid address"),
    "suppressed": translatable("unsubscribed, bounced or reported as spam"),
    "withdrawn": translatable("consent withdrawn"),
    "no consent": translatable("no consent"),
    "lower priority": translatable("in an audience of higher priority"),
    "contacted recently": translatable("contacted recently"),
    "capped": translatable("contact cap reached"),
    "held out": translatable("in another audience's control group"),
}
DOUBTS = {
    "new account": translatable(
        "The connection opens another account at the email provider than before."
        " What the former account had confirmed does not count there."
    ),
    "list deleted": translatable(
        "The list “%s” was deleted at the email provider. Those who still belong to it are put on it again."
    ),
    "field deleted": translatable("The field “%s” was deleted at the email provider. It is filled again."),
    "list differs": translatable(
        "The list “%s” was not as the email provider had confirmed. It is brought up to date again."
    ),
    "job pending": translatable(
        "A request was pending at the email provider for too long, so its result is unknown."
        " Its changes are planned again."
    ),
    "warehouse restored": translatable(
        "The warehouse was restored or moved, so what was sent afterwards is unknown. All contacts are sent again."
    ),
}
OUTCOMES = {
    "passed": translatable("passed"),
    "warning": translatable("warning"),
    "critical": translatable("critical"),
}
READ_BACK = "read_back"
GATES = {
    "raw": translatable("Data that was read"),
    "dbt": translatable("Models"),
    "marts": translatable("Figures"),
    READ_BACK: translatable("Lists that were read back"),
}
APPROVALS = {
    "approved": translatable("approved"),
    "rejected": translatable("rejected"),
    "unanswered": translatable("no answer in time"),
}
CAUSES = {
    "entry": translatable("first contact"),
    "purchase": translatable("purchase"),
    "time": translatable("time without a purchase"),
    "correction": translatable("correction"),
}
EVENTS = {
    "planned: create": translatable("planned: new contact"),
    "planned: update": translatable("planned: update"),
    "planned: leave": translatable("planned: removal from all lists"),
    "planned: refused": translatable("not sent again: rejected by the email provider before"),
    "planned: add": translatable("planned: addition to the list"),
    "planned: remove": translatable("planned: removal from the list"),
    "decided: member": translatable("decision: on the list"),
    "decided: held out": translatable("decision: held out (control group)"),
    "decided: excluded": translatable("decision: excluded"),
    "sent: upsert": translatable("sent to the email provider"),
    "sent: remove": translatable("removal sent to the email provider"),
    "answered: completed": translatable("confirmed by the email provider"),
    "answered: failed": translatable("failed at the email provider"),
    "answered: doubted": translatable("no result from the email provider in time: planned again"),
    "answered: split": translatable("rejected in part without names: sent again in halves"),
    "refused": translatable("rejected by the email provider"),
}
STATEMENTS = {
    "spam_report": translatable("spam report"),
    "unsubscribe": translatable("unsubscribe"),
    "group_unsubscribe": translatable("unsubscribe from one kind of message"),
    "invalid_email": translatable("invalid address"),
    "bounce": translatable("bounce"),
    "block": translatable("blocked by the mail server"),
    "withdrawal": translatable("withdrawn in the shop"),
    "double_opt_in": translatable("double opt-in"),
    "shop_checkbox": translatable("checkbox in the shop"),
    "existing_customer": translatable("existing customer"),
}
CONSENT_MEANINGS = {"consents": translatable("for"), "refuses": translatable("against")}
