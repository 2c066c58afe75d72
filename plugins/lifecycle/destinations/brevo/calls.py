"""Calls of the ``brevo-python`` package: they go by our retry policy and Brevo's limits, and its errors become ours."""

import logging
from collections.abc import Callable
from functools import partial
from typing import Any

import httpx
import orjson
from brevo.core.api_error import ApiError
from brevo.core.parse_error import ParsingError

from lifecycle.errors import AnswerUnreadable, RetryLater
from lifecycle.web import Limit, Quotas, Refused, attempt, part, problem

answer_part = partial(part, whose="Brevo's")
REMOVING = "POST /v3/contacts/lists/{id}/contacts/remove"

# Of every plan, by developers.brevo.com/docs/api-limits; higher ones have more, which their answers say. That answers
# about contacts speak of the hour or of the second is not documented: ten a second keeps both.
LIMITS = (
    Limit("/v3/contacts", 10, 1, is_reported=False),
    Limit("/v3/(?!smtp|events|orders|products)", 100, 3600),
)

# At INFO it logs every address in full, which can hold a contact's.
logging.getLogger("httpx").setLevel(logging.WARNING)


class SpacedClient(httpx.Client):
    """The package's HTTP client, whose calls take turns by the account's quotas."""

    def __init__(self, quotas: Quotas, **options: Any) -> None:
        super().__init__(**options)
        self.quotas = quotas

    def send(self, request: httpx.Request, **options: Any) -> httpx.Response:
        """Send one request when its turn comes."""
        with self.quotas.turn(request.method, request.url.path) as heed:
            response = super().send(request, **options)
            heed(response.headers, response.status_code)
            return response


def call(endpoint: str, request: Callable[[], Any]) -> Any:
    """One call of the package under the retry policy; its JSON. Raises ``Refused`` for a 4xx that may be an answer."""
    return attempt(lambda: call_once(endpoint, request))


def call_once(endpoint: str, request: Callable[[], Any]) -> Any:
    """As ``call``, without the retry policy."""
    try:
        return orjson.loads(request().response.content or b"null")
    except ApiError as error:
        status, headers = error.status_code or 0, error.headers or {}
        if status // 100 != 2:  # noqa: PLR2004
            body = error.body.encode() if isinstance(error.body, str) else orjson.dumps(error.body)
            raise problem(endpoint, status, headers, body) or Refused(endpoint, status, body) from None
    except httpx.HTTPError as error:
        message = f"{endpoint}: no complete response ({type(error).__name__})"
        raise RetryLater(message) from None
    except (ValueError, TypeError, ParsingError):
        pass
    message = f"{endpoint}: the response is not the JSON that its contract promises"
    raise AnswerUnreadable(message)
