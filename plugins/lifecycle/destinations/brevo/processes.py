"""Questions about imports, of which Brevo answers a hundred an hour: one about all that are open, where it can be."""

import threading
from functools import partial
from typing import Any

from lifecycle.destinations.brevo.calls import answer_part, call
from lifecycle.web import if_found

LISTED = 50
PENDING = frozenset({"queued", "in_process", "processing"})


class Processes:
    """The account's imports; those that are open are listed together, and each takes what the last listing said.

    A listing answers for each import once: who asks again gets a new one.
    """

    def __init__(self, api: Any) -> None:
        self._api = api
        self._lock = threading.Lock()
        self._open = set[int]()
        self._unread = dict[int, dict[str, Any]]()
        self._can_list = True

    def begin(self, number: int) -> None:
        """An import was accepted."""
        with self._lock:
            self._open.add(number)

    def process(self, number: int) -> dict[str, Any] | None:
        """How an import stands, as ``GET /v3/processes/{id}`` says; ``None`` if Brevo doesn't know it."""
        with self._lock:
            self._open.add(number)
            if number not in self._unread and len(self._open) > 1 and self._can_list:
                self._list()
            answer = self._unread.pop(number, None) or self._asked(number)
            if answer is None or answer_part(answer, "status", str) not in PENDING:
                self._open.discard(number)
            return answer

    def _asked(self, number: int) -> dict[str, Any] | None:
        request = partial(self._api.get_process, number)
        answer: dict[str, Any] | None = if_found(partial(call, "GET /v3/processes/{id}", request))
        return answer

    def _list(self) -> None:
        """Keep what the listing of the latest imports says of those that are open; others may lie between them."""
        for page in range(len(self._open) // LISTED + 2):
            request = partial(self._api.get_processes, limit=LISTED, offset=page * LISTED, sort="desc")
            answer = if_found(partial(call, "GET /v3/processes", request))
            self._can_list = answer is not None
            listed = answer_part(answer, "processes", list) if answer else []
            self._unread |= {item["id"]: item for item in listed if answer_part(item, "id", int) in self._open}
            if len(listed) < LISTED or self._open <= self._unread.keys():
                return
