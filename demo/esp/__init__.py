"""A small SendGrid Marketing Campaigns v3 server that keeps what it is sent.

| module | holds |
|---|---|
| `server` | the object to use |
| `store` | the database |
| `contacts`, `jobs` | what an upsert may contain and changes; the asynchronous jobs |
| `activity` | the query language of `/v3/messages` |
| `authorization`, `refusal` | keys and rate limits; error answers |
| `routes`, `context` | which function answers which call; what every answer needs |
| `contact_routes`, `lists`, `events`, `campaigns` | the answers |
"""

from demo.esp.authorization import RateLimit
from demo.esp.jobs import Pace
from demo.esp.server import Esp

__all__ = ["Esp", "Pace", "RateLimit"]
