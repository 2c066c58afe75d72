"""Which answer belongs to which call."""

from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from demo.esp import campaigns, contact_routes, events, jobs, lists
from demo.esp.context import Context

CONTACTS = "/v3/marketing/contacts"

Answer = Callable[[Request, Context], Awaitable[Response]]

ANSWERS: dict[tuple[str, str], Answer] = {
    ("PUT", CONTACTS): contact_routes.put_contacts,
    ("DELETE", CONTACTS): contact_routes.delete_contacts,
    ("GET", CONTACTS): contact_routes.sample_contacts,
    ("GET", f"{CONTACTS}/count"): contact_routes.count_contacts,
    ("GET", f"{CONTACTS}/imports/{{id}}"): contact_routes.get_import,
    ("POST", f"{CONTACTS}/search/emails"): contact_routes.search_emails,
    ("POST", f"{CONTACTS}/exports"): contact_routes.post_export,
    ("GET", f"{CONTACTS}/exports/{{id}}"): contact_routes.get_export,
    ("GET", f"{CONTACTS}/{{id}}"): contact_routes.get_contact,
    ("GET", lists.LISTS): lists.get_lists,
    ("POST", lists.LISTS): lists.post_list,
    ("GET", f"{lists.LISTS}/{{id}}"): lists.get_list,
    ("PATCH", f"{lists.LISTS}/{{id}}"): lists.patch_list,
    ("DELETE", f"{lists.LISTS}/{{id}}"): lists.delete_list,
    ("GET", f"{lists.LISTS}/{{id}}/contacts/count"): lists.count_list,
    ("DELETE", f"{lists.LISTS}/{{id}}/contacts"): lists.remove_from_list,
    ("GET", lists.FIELDS): lists.get_fields,
    ("POST", lists.FIELDS): lists.post_field,
    ("PATCH", f"{lists.FIELDS}/{{id}}"): lists.patch_field,
    ("DELETE", f"{lists.FIELDS}/{{id}}"): lists.delete_field,
    ("GET", campaigns.SINGLE_SENDS): campaigns.get_single_sends,
    ("GET", f"{campaigns.STATISTICS}/singlesends"): campaigns.get_statistics("singlesends"),
    ("GET", f"{campaigns.STATISTICS}/automations"): campaigns.get_statistics("automations"),
    ("GET", "/v3/suppression/{kind}"): events.get_suppressions,
    ("GET", "/v3/asm/groups"): events.get_groups,
    ("GET", "/v3/asm/groups/{id:int}"): events.get_group,
    ("GET", "/v3/asm/groups/{id:int}/suppressions"): events.get_group_members,
    ("GET", "/v3/asm/suppressions"): events.get_group_suppressions,
    ("GET", "/v3/messages"): events.get_messages,
    ("GET", "/v3/scopes"): events.get_scopes,
    ("GET", "/v3/user/account"): events.get_account,
    ("GET", "/v3/user/username"): events.get_username,
    ("GET", "/_files/{token}/{name}"): contact_routes.download,
}


def routes(context: Context) -> list[Route]:
    """Return the routes, each bound to the context; due jobs are carried out before any answer."""

    def route(method: str, path: str, answer: Answer) -> Route:
        async def endpoint(request: Request) -> Response:
            jobs.run_due(context.store, context.pace, context.rules, context.clock.stamp())
            return await answer(request, context)

        return Route(path, endpoint, methods=[method])

    return [route(method, path, answer) for (method, path), answer in ANSWERS.items()]
