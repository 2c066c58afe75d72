"""SendGrid's error answers."""

from typing import Any


class Refusal(Exception):  # noqa: N818 - the HTTP answer to give, named as what it is
    """An answer that is not 2xx: errors, each a message and where possible the field at fault."""

    def __init__(self, status: int, *errors: tuple[str | None, str]) -> None:
        super().__init__(str(status))
        self.status = status
        self.body: dict[str, Any] = {"errors": [{"field": field, "message": text} for field, text in errors]}


def refusal_body(status: int, words: str | None = None) -> object:
    """Return SendGrid's error body for a status that a fault asks for, with other words than usual if given."""
    texts = {401: "authorization required", 403: "access forbidden", 429: "too many requests"}
    return {"errors": [{"field": None, "message": words or texts.get(status, "internal error")}]}
