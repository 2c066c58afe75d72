"""A small SendGrid Marketing Campaigns v3 server that keeps what it is sent.

| module | holds |
|---|---|
| `server` | the object to use |
| `store` | the database |
| `contacts`, `jobs` | what an upsert may contain and changes; the asynchronous jobs |
| `activity` | the query language of `/v3/messages` |
| `gate`, `refusal` | keys and rate limits; error answers |
| `routes`, `desk` | which answer belongs to which call; what every answer works with |
| `people`, `lists`, `events`, `campaigns` | the answers |
"""

from demo.esp.gate import RateLimit
from demo.esp.jobs import Pace
from demo.esp.server import Esp

__all__ = ["Esp", "Pace", "RateLimit"]
