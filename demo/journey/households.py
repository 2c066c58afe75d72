"""The made-up names and addresses of the journey's households."""

DOMAIN = "example.com"
FIRST_NAMES = (
    "Ada",
    "Ben",
    "Clara",
    "Daniel",
    "Elena",
    "Felix",
    "Grace",
    "Henry",
    "Ida",
    "Jonas",
    "Kate",
    "Leo",
    "Mia",
)
LAST_NAMES = (
    "Abbott",
    "Baker",
    "Carter",
    "Dunn",
    "Ellis",
    "Foster",
    "Grant",
    "Hayes",
    "Irwin",
    "Jensen",
    "Keller",
)


def email_of(household: int) -> str:
    """Return a household's made-up address."""
    return f"household{household}@{DOMAIN}"


def name_of(number: int) -> dict[str, str]:
    """Return a made-up name."""
    first, last = FIRST_NAMES[number % len(FIRST_NAMES)], LAST_NAMES[number % len(LAST_NAMES)]
    return {"first_name": first, "last_name": last}
