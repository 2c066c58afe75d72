"""Calls of the ``sendgrid`` package: they go by our retry policy, and its errors become ours."""

import json
import logging
from collections.abc import Callable
from functools import partial
from http.client import HTTPException
from typing import Any

from python_http_client.exceptions import HTTPError

from lifecycle.errors import AnswerUnreadable, RetryLater
from lifecycle.web import Refused, attempt, part, problem

answer_part = partial(part, whose="SendGrid's")

# At DEBUG the package logs the Authorization header and every payload, whatever level its parent has.
logging.getLogger("python_http_client.client").setLevel(logging.INFO)


def call(endpoint: str, request: Callable[[], Any]) -> Any:
    """One request of the package under the retry policy; its JSON. Raises ``Refused`` for a 4xx that may be one."""
    return attempt(lambda: _call_once(endpoint, request))


def _call_once(endpoint: str, request: Callable[[], Any]) -> Any:
    try:
        response = request()
    except HTTPError as error:
        failure = problem(endpoint, error.status_code, dict(error.headers), error.body)
        raise failure or Refused(endpoint, error.status_code, error.body) from None
    except (OSError, HTTPException) as error:
        message = f"{endpoint}: no complete response ({type(error).__name__})"
        raise RetryLater(message) from None
    try:
        return json.loads(response.body or "{}")
    except ValueError:
        message = f"{endpoint}: the response is not JSON ({len(response.body)} bytes)"
        raise AnswerUnreadable(message) from None
