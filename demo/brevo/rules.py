"""How strict the account is: what is documented is the default, and where reports disagree the choice is here."""

import math
import time
from dataclasses import dataclass
from typing import Literal

from starlette.datastructures import MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

HOUR = 3_600.0
#: What an account has from its beginning, by the language in which it was opened: sendinblue/APIv3-nodejs-library#114
#: and sendinblue/APIv3-python-library#95 have PRENOM and NOM.
NAMES = {"en": ("FIRSTNAME", "LASTNAME"), "de": ("VORNAME", "NACHNAME"), "fr": ("PRENOM", "NOM")}


@dataclass
class Rules:
    """The rules of one account; they can be changed while it runs."""

    #: developers.brevo.com/docs/api-limits: a hundred an hour for every endpoint that its table doesn't name, and
    #: the one of processes is none of those. None is an account without the limit.
    questions_an_hour: int | None = 100
    #: Whether the list of processes tells of invalid addresses: the package brevo-python has it, the document of 2024
    #: (getbrevo/brevo-php, swagger_definition_v3.yml) doesn't.
    listing_has_info: bool = True
    #: In which language the account was opened; None where somebody has deleted what it had from its beginning.
    language: Literal["en", "de", "fr"] | None = None


def limited(app: ASGIApp, rules: Rules) -> ASGIApp:
    """Wrap a server so that it answers so many questions about processes an hour, by the wall's clock."""
    window = [0.0, 0]

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        most = rules.questions_an_hour
        if most is None or not scope["path"].startswith("/v3/processes"):
            await app(scope, receive, send)
            return
        now = time.time()
        window[:] = [now + HOUR, 1] if now >= window[0] else [window[0], window[1] + 1]
        # developers.brevo.com/docs/limit-headers; there is no Retry-After
        headers = {
            "x-sib-ratelimit-limit": str(most),
            "x-sib-ratelimit-remaining": str(max(0, most - int(window[1]))),
            "x-sib-ratelimit-reset": str(math.ceil(window[0] - now)),
        }

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(headers)
            await send(message)

        refusal = JSONResponse({"code": "too_many_requests", "message": "API rate limit exceeded"}, 429)
        await (refusal if window[1] > most else app)(scope, receive, with_headers)

    return answer
