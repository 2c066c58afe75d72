"""An Airflow of one's own, as environment variables."""

import json
import subprocess
import sys
from pathlib import Path

from demo import airflow_home


def test_keys_are_made_up_once_per_home_and_nobody_else_reads_them(tmp_path: Path) -> None:
    first = airflow_home.environment(tmp_path / "one", {})
    assert airflow_home.environment(tmp_path / "one", {}) == first
    other = airflow_home.environment(tmp_path / "two", {})
    assert not {value for name, value in first.items() if name.endswith(("KEY", "SECRET"))} & {*other.values()}
    assert [path.stat().st_mode & 0o777 for path in (tmp_path / "one").iterdir()] == [0o600, 0o600]


def test_the_passwords_are_those_that_the_auth_manager_reads(tmp_path: Path) -> None:
    surroundings = airflow_home.environment(tmp_path, {})
    assert surroundings["AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS"] == "admin:admin,viewer:viewer"
    passwords = json.loads(Path(surroundings["AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE"]).read_text())
    assert passwords == {user: airflow_home.password(tmp_path, user) for user in ("admin", "viewer")}
    assert len({*passwords.values()}) == 2


def test_metadata_is_sqlite_in_the_home_unless_a_server_is_named(tmp_path: Path) -> None:
    name = "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"
    assert airflow_home.environment(tmp_path, {})[name] == f"sqlite:///{tmp_path}/airflow.db"
    server = "postgresql://somebody:word@127.0.0.1/airflow"
    assert airflow_home.environment(tmp_path, {}, metadata=server)[name] == server


def test_nothing_listens_beyond_this_machine_and_nothing_phones_home(tmp_path: Path) -> None:
    surroundings = airflow_home.environment(tmp_path, {}, port=9080)
    assert surroundings["AIRFLOW__API__HOST"] == "127.0.0.1"
    assert surroundings["AIRFLOW__CORE__EXECUTION_API_SERVER_URL"] == "http://127.0.0.1:9080/execution/"
    assert surroundings["DO_NOT_TRACK"] == "1"


def test_airflow_reads_a_connection_as_it_was_given(tmp_path: Path) -> None:
    shop = airflow_home.http_connection("http://127.0.0.1:8081", login="ck_demo", password="cs_demo")
    surroundings = airflow_home.environment(tmp_path, {"woocommerce_demo": shop})
    program = (
        "from airflow.sdk import Connection; found = Connection.get('woocommerce_demo');"
        "print(found.conn_type, found.host, found.login, found.password)"
    )
    done = subprocess.run([sys.executable, "-c", program], env=surroundings, capture_output=True, text=True, check=True)
    assert done.stdout.split()[-4:] == ["http", "http://127.0.0.1:8081", "ck_demo", "cs_demo"]
