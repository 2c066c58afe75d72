"""Asks Airflow's own API server for the page and prints, as JSON, what it answers: ``python -m tests.plugin_probe``.

A process of its own, as ``tests.dag_probe``. The settings are the file that ``LIFECYCLE_CONFIG`` names.
"""

import json
import logging
import os
import sys
import time
from pathlib import Path
from typing import Any

PAGE = {"accept": "text/html,application/xhtml+xml"}
PERSON = "/lifecycle/person"


def answered(client: Any, path: str, user: str | None = None, **headers: str) -> dict[str, Any]:
    """Status, way on and text of one answer; a user's name is their role."""
    from airflow.api_fastapi.app import get_auth_manager
    from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser

    if user:
        token = get_auth_manager().generate_jwt(SimpleAuthManagerUser(username=user, role=user))
        headers["cookie"] = f"_token={token}"
    answer = client.get(path, headers=headers, follow_redirects=False)
    return {"status": answer.status_code, "location": answer.headers.get("location"), "text": answer.text}


def without_login(client: Any) -> dict[str, Any]:
    """What strangers get."""
    paths = ["/lifecycle/", PERSON, "/lifecycle/reports", "/lifecycle/static/page.css", "/lifecycle/static/nowhere"]
    return {
        "programs": [answered(client, path)["status"] for path in paths],
        "browser": answered(client, "/lifecycle/?lang=de", **PAGE),
        "login from elsewhere": answered(client, "/lifecycle/", **PAGE, cookie="_token=eyJhbGciOiJub25lIn0.e30."),
    }


def by_role(client: Any) -> dict[str, Any]:
    """What each of Airflow's roles gets: figures, persons, and the styles that both have."""
    paths = {"figures": "/lifecycle/", "person": PERSON, "styles": "/lifecycle/static/page.css"}
    roles = ("viewer", "user", "op", "admin")
    return {
        role: {name: answered(client, path, role, **PAGE)["status"] for name, path in paths.items()} for role in roles
    }


def with_broken_settings(client: Any) -> dict[str, Any]:
    """The page and Airflow while the marketer's file is broken, and once it is fixed."""
    file = Path(os.environ["LIFECYCLE_CONFIG"])
    right = file.read_text()
    file.write_text(right.replace("timezone:", "timezon:", 1))
    broken = {
        "page": answered(client, "/lifecycle/", "viewer", **PAGE),
        "stranger": answered(client, "/lifecycle/")["status"],
        "airflow": answered(client, "/api/v2/monitor/health")["status"],
    }
    time.sleep(0.01)  # the file's time of change shows that it was fixed
    file.write_text(right)
    return {**broken, "fixed": answered(client, "/lifecycle/", "viewer", **PAGE)["status"]}


def main() -> None:
    """Print what is answered."""
    from airflow.utils import db

    logging.disable()
    db.initdb()
    from airflow import plugins_manager
    from airflow.api_fastapi.main import app
    from airflow.models.connection import Connection
    from airflow.utils.session import create_session
    from fastapi.testclient import TestClient

    client = TestClient(app, base_url=os.environ["AIRFLOW__API__BASE_URL"])
    is_made_late = "lifecycle.page" not in sys.modules
    view = next(plugin for plugin in plugins_manager.get_plugin_info() if plugin["name"] == "lifecycle")
    result = {
        "errors": plugins_manager.get_import_errors(),
        "made late": is_made_late,
        "navigation": view["external_views"],
        "without login": without_login(client),
        "by role": by_role(client),
        "broken settings": with_broken_settings(client),
    }
    login = os.environ.pop("AIRFLOW_CONN_WAREHOUSE_PAGE")
    result["no connection"] = answered(client, "/lifecycle/", "viewer", **PAGE)
    with create_session() as session:
        session.add(Connection(conn_id="warehouse_page", uri=login))
    result["connection of Airflow"] = answered(client, "/lifecycle/", "viewer", **PAGE)["status"]
    sys.stdout.write("\n" + json.dumps(result, default=str) + "\n")


if __name__ == "__main__":
    main()
