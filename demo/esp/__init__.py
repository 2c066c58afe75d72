"""A small SendGrid Marketing Campaigns v3 server that keeps what it is sent.

| module | holds |
|---|---|
| `server` | the object to use |
| `store` | the database |
| `rules` | how strict it is, with sources |
| `checks`, `contacts` | what an upsert may contain; what it changes, and how a contact is shown |
| `jobs`, `index` | the asynchronous jobs; what searches see after them |
| `accounts` | several accounts behind one address |
| `activity` | the query language of `/v3/messages` |
| `authorization`, `refusal` | keys and rate limits; error answers |
| `routes`, `context` | which function answers which call; what every answer needs |
| `contact_routes`, `lists`, `events`, `campaigns` | the answers |
"""

from demo.esp.jobs import Pace
from demo.esp.rules import RateLimit, Rules
from demo.esp.server import Esp

__all__ = ["Esp", "Pace", "RateLimit", "Rules"]
