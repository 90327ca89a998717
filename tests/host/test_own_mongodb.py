"""``make run`` works with a MongoDB of the operator's: it has its password, and patience while it is away."""

from __future__ import annotations

from contextlib import contextmanager

import pymongo
import requests

from harness.processes import start
from harness.server import ROOT, START_S, free_port
from store.embedded import mongod_program
from tests.client import Client

USER, PASSWORD = "cells", "p:@/% word"


@contextmanager
def mongod(directory, port, *, password=True):
    """Run a mongod of the host's own, which asks for a password."""
    argv = [mongod_program(), "--dbpath", str(directory), "--port", str(port), "--bind_ip", "127.0.0.1"]
    argv += ["--nounixsocket", "--replSet", "rs0", "--wiredTigerCacheSizeGB", "0.25", "--quiet"]
    argv += ["--setParameter", "shutdownTimeoutMillisForSignaledShutdown=100"]
    if password:
        key = directory / "key"
        key.write_text("aSharedKeyOfTheReplicaSet")
        key.chmod(0o600)
        argv += ["--auth", "--keyFile", str(key)]
    with start(argv, ready="Waiting for connections", deadline_s=START_S) as process:
        yield process


def make_user(port, process):
    """Make the replica set and the user that the server logs in as."""
    with pymongo.MongoClient(f"mongodb://127.0.0.1:{port}/?directConnection=true") as client:
        member = {"_id": 0, "host": f"127.0.0.1:{port}"}
        client.admin.command("replSetInitiate", {"_id": "rs0", "members": [member]})
        process.wait_for(lambda: client.admin.command("hello")["isWritablePrimary"], "taking writes", START_S)
        client.admin.command("createUser", USER, pwd=PASSWORD, roles=[{"role": "readWrite", "db": "singlecell"}])


def test_a_server_waits_for_its_mongodb_and_goes_on_when_it_comes_back(own_site, tmp_path):
    port = free_port()
    with mongod(tmp_path, port, password=False) as process:
        make_user(port, process)
    config = own_site.data / "settings.py"
    config.write_text(
        f'mongo_uri = "mongodb://127.0.0.1:{port}/?replicaSet=rs0"\n'
        f"mongo_user = {USER!r}\nmongo_password = {PASSWORD!r}\nmongo_timeout_s = 3.0\n"
    )
    config.chmod(0o600)
    env = {**own_site.env, "SINGLECELL_CONFIG": str(config)}
    why = "not ready yet: The database does not answer"
    with start(own_site.argv, ready=why, deadline_s=START_S, env=env, cwd=ROOT) as server:
        assert not list(own_site.data.rglob("*.sock"))
        with mongod(tmp_path, port):
            server.wait_for_line(f"^ready {own_site.url}$", START_S)
            client = Client(own_site.url)
            kept = client.run("print('kept')").description["id"]
        with mongod(tmp_path, port):
            server.wait_for(lambda: ready_again(own_site.url), "being ready again", START_S)
            assert client.finish(kept).text() == "kept\n"
            assert client.run("1+1").state == "done"
        assert PASSWORD not in server.log


def ready_again(url):
    try:
        return requests.get(f"{url}/readyz", timeout=START_S).json()["ready"]
    except requests.RequestException:
        return False
