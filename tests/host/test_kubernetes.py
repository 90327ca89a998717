"""The files of deploy/kubernetes are valid, promise what docs/kubernetes.md says, and a pod of them runs cells."""

from __future__ import annotations

import os
import pwd
import re
import shlex
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from harness import processes
from harness.server import ROOT
from singlecell_client import Client
from tests.device.relays import Site as Relay
from tests.device.relays import as_account, make_key, make_site, public
from tests.device.test_connector import open_door
from tests.device.test_relay import end_device, start_device
from tests.device.test_upgrade import END_S, UNTIL_INTERRUPTED
from tests.device.test_upgrade import Site as Server
from tests.device.test_upgrade import site as server
from tests.environments import programs

__all__ = ["server"]  # a fixture

FOLDER = ROOT / "deploy" / "kubernetes"
VERSIONS = ("1.33", "1.37")  # hostUsers is on by itself from the first; the newest that there are schemas for
COMPONENTS = ("keda", "runtime-class")
KUBECTL = shutil.which("kubectl")
# With options of its own, where the machine needs some.
PODMAN = shlex.split(os.environ.get("PODMAN", "podman"))
IMAGE_USER = 1000


def documents(text: str) -> list[dict[str, Any]]:
    """Return the documents of YAML."""
    return [document for document in yaml.safe_load_all(text) if document]


def read(name: str) -> list[dict[str, Any]]:
    """Return the documents of a file."""
    return documents((FOLDER / name).read_text())


def validate(file: Path, version: str) -> subprocess.CompletedProcess[str]:
    """Hold a file against the schemas of a version of Kubernetes; unknown fields are errors."""
    argv = [programs("kubernetes") / "kubernetes-validate", "--strict", "--kubernetes-version", version, file]
    return subprocess.run(argv, capture_output=True, text=True, check=False)


def pod() -> dict[str, Any]:
    """Return the pod of the deployment."""
    found: dict[str, Any] = read("deployment.yaml")[0]["spec"]["template"]["spec"]
    return found


def settings() -> dict[str, str]:
    """Return what the pods are told of the relay."""
    (generated,) = read("kustomization.yaml")[0]["configMapGenerator"]
    return dict(line.split("=", 1) for line in generated["literals"])


@pytest.mark.parametrize("version", VERSIONS)
def test_each_document_is_one_that_kubernetes_knows(tmp_path, version):
    text = "---\n".join((FOLDER / name).read_text() for name in read("kustomization.yaml")[0]["resources"])
    (tmp_path / "all.yaml").write_text(text)
    said = validate(tmp_path / "all.yaml", version)
    assert said.returncode == 0, said.stdout + said.stderr
    (tmp_path / "wrong.yaml").write_text(text.replace("procMount:", "procMounts:"))
    assert validate(tmp_path / "wrong.yaml", version).returncode != 0


def test_each_file_is_named_by_a_kustomization_and_is_there():
    for kustomization in FOLDER.rglob("kustomization.yaml"):
        (document,) = documents(kustomization.read_text())
        named = set(document.get("resources", ()))
        there = {file.name for file in kustomization.parent.glob("*.yaml")} - {"kustomization.yaml"}
        assert named == there, kustomization
    assert {file.parent.name for file in FOLDER.glob("*/kustomization.yaml")} == set(COMPONENTS)


@pytest.mark.skipif(KUBECTL is None, reason="kubectl is not installed: the kustomizations are not rendered")
def test_kustomize_renders_all_of_it(tmp_path):
    shutil.copytree(FOLDER, tmp_path / "all")
    with (tmp_path / "all" / "kustomization.yaml").open("a") as file:
        file.write("components: [keda, runtime-class]\n")
    said = subprocess.run([str(KUBECTL), "kustomize", tmp_path / "all"], capture_output=True, text=True, check=True)
    found = {document["kind"]: document for document in documents(said.stdout)}
    ours = {"ServiceAccount", "ConfigMap", "NetworkPolicy", "Deployment"}
    assert found.keys() == ours | {"Namespace", "ScaledObject", "TriggerAuthentication"}
    spec = found["Deployment"]["spec"]["template"]["spec"]
    assert spec["runtimeClassName"] == "kata"
    (source,) = spec["containers"][0]["envFrom"]
    assert source["configMapRef"]["name"] == found["ConfigMap"]["metadata"]["name"]
    assert found["ScaledObject"]["spec"]["scaleTargetRef"]["name"] == found["Deployment"]["metadata"]["name"]
    (tmp_path / "own.yaml").write_text("\n---\n".join(yaml.safe_dump(found[kind]) for kind in ours))
    assert validate(tmp_path / "own.yaml", VERSIONS[-1]).returncode == 0


def test_a_pod_has_no_right_that_the_sandbox_does_not_need():
    spec = pod()
    (container,) = spec["containers"]
    assert spec["automountServiceAccountToken"] is False and spec["hostUsers"] is False
    assert read("service-account.yaml")[0]["automountServiceAccountToken"] is False
    assert not {"hostNetwork", "hostPID", "hostIPC", "initContainers"} & spec.keys()
    assert spec["securityContext"]["runAsNonRoot"] is True and spec["securityContext"]["runAsUser"] == 1000
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "procMount": "Unmasked",
        "capabilities": {"drop": ["ALL"]},
    }  # fmt: skip
    assert all({"secret", "emptyDir"} & volume.keys() for volume in spec["volumes"])
    page = (ROOT / "docs" / "kubernetes.md").read_text()
    assert all(f"`{word}" in page for word in ("hostUsers", "procMount", "seccompProfile", "appArmorProfile"))


def test_pods_reach_the_relay_alone_and_nobody_reaches_them():
    (policy,) = read("network-policy.yaml")
    _user, _, address = settings()["RELAY"].partition("@")
    host, _, port = address.partition(":")
    assert policy["spec"] == {
        "podSelector": {}, "policyTypes": ["Ingress", "Egress"], "ingress": [],
        "egress": [{"to": [{"ipBlock": {"cidr": f"{host}/32"}}], "ports": [{"protocol": "TCP", "port": int(port)}]}],
    }  # fmt: skip


def test_there_is_a_port_of_the_relay_for_each_pod_and_one_more():
    ports = settings()["PORTS"].split()
    (scaled, _authentication), (deployment,) = read("keda/scaled-object.yaml"), read("deployment.yaml")
    surge = deployment["spec"]["strategy"]["rollingUpdate"]["maxSurge"]
    assert len(set(ports)) == len(ports) == scaled["spec"]["maxReplicaCount"] + surge
    assert deployment["spec"]["replicas"] <= scaled["spec"]["maxReplicaCount"]


def copied_by_the_image() -> dict[str, list[str]]:
    """Return the files of the checkout that the image gets, by where it has them."""
    lines = (FOLDER / "Containerfile").read_text().replace("\\\n", " ").splitlines()
    words = [line.split()[1:] for line in lines if line.startswith("COPY ")]
    return {where: files for *files, where in words}


def test_the_image_has_what_the_host_needs_and_none_of_our_code():
    copied = [file for files in copied_by_the_image().values() for file in files]
    assert all((ROOT / file).exists() for file in copied)
    assert not [file for file in copied if file.endswith(".py")]
    assert "\nUSER 1000:1000\n" in (FOLDER / "Containerfile").read_text()


@pytest.fixture
def pod_directory() -> Iterator[Path]:
    """What the image has in /usr/local/lib/singlecell, below another directory."""
    place = Path(tempfile.mkdtemp(prefix="pod-", dir="/tmp"))
    place.chmod(0o755)
    for file in copied_by_the_image()["/usr/local/lib/singlecell/"]:
        shutil.copy(ROOT / file, place)
    yield place
    shutil.rmtree(place)


@contextmanager
def run_programs(site: Relay, directory: Path) -> Iterator[list[str]]:
    """Run what the image runs, among processes of their own; yield the command that drains it."""
    env = {**site.dial_env, "SSHD": f"127.0.0.1:{site.elsewhere}"}
    alone = ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc"]
    argv = [*alone, *as_account("untrusted"), "sh", str(directory / "host")]
    with processes.start(argv, ready=lambda: site.is_dialed, deadline_s=END_S, env=env) as outer:
        first = outer.descendants()[0]
        inside = ["nsenter", f"--target={first}", "--pid", "--mount", *as_account("untrusted")]
        try:
            yield [*inside, "sh", str(directory / "drain")]
        finally:
            os.kill(first, signal.SIGTERM)  # as a node does; `unshare` is deaf to it
            outer.wait(END_S)


@contextmanager
def run_image(site: Relay, image: str) -> Iterator[list[str]]:
    """Run the image with the rights of the deployment, options before it; yield the command that drains it."""
    name = f"pod-{site.port}"
    env = {**site.dial_env, "SSHD": f"127.0.0.1:{site.elsewhere}", "KEYS": "/etc/singlecell/dial"}
    argv = [
        *PODMAN, "run", "--rm", "--name", name, "--network", "host", "--read-only", "--cap-drop", "ALL",
        *(f"--security-opt={option}" for option in ("no-new-privileges", "seccomp=unconfined", "unmask=ALL")),
        "--tmpfs", "/tmp", "--tmpfs", "/var/lib/singlecell-untrusted/.singlecell:mode=0777",
        "--volume", f"{site.etc}/dial:/etc/singlecell/dial:ro",
        *(f"--env={key}={env[key]}" for key in ("RELAY", "PORTS", "SSHD", "KEYS")), *shlex.split(image),
    ]  # fmt: skip
    with processes.start(argv, ready=lambda: site.is_dialed, deadline_s=END_S) as container:
        try:
            yield [*PODMAN, "exec", name, "sh", "/usr/local/lib/singlecell/drain"]
        finally:
            subprocess.run([*PODMAN, "stop", name], check=True, capture_output=True)
            container.wait(END_S)


def give_keys(site: Relay, group: int) -> None:
    """Make what the secret has beside the keys of a host that dials out, and make the host known to the device."""
    keys = site.etc / "dial"
    host_key = make_key(keys / "host_key")
    (keys / "device_keys").write_text(public(site.door.key_file) + "\n")
    known = site.known_hosts.read_text()
    site.known_hosts.write_text(re.sub(r"(?m)^(\[cells-1\]\S+) .*$", rf"\1 {host_key}", known))
    for name in ("host_key", "dial_key"):
        os.chown(keys / name, 0, group)
        (keys / name).chmod(0o440)


@pytest.mark.root
def test_what_a_pod_runs_serves_cells_and_drains(server: Server, pod_directory: Path):
    """The programs of the image without a container engine; with HOST_IMAGE that image. ``door`` gives its key."""
    image = os.environ.get("HOST_IMAGE", "")
    with ExitStack() as stack:
        door, _sshd = stack.enter_context(open_door(forward=True))
        site = stack.enter_context(make_site(door))
        give_keys(site, IMAGE_USER if image else pwd.getpwnam("untrusted").pw_gid)
        stack.enter_context(site.run_relay())
        drains = stack.enter_context(run_image(site, image) if image else run_programs(site, pod_directory))
        stack.callback(end_device, start_device(server, site))
        client = Client(server.url)
        running = client.submit(UNTIL_INTERRUPTED)["id"]
        processes.wait_for(lambda: server.store.computations.get(running).sequence >= 2)
        with subprocess.Popen(drains) as drain:
            try:
                processes.wait_for(lambda: [one["languages"] for one in server.accounts()] == [[]], END_S)
                waiting = client.submit("1 + 1")["id"]
                client.interrupt(running)
                assert client.result(running, list(client.follow(running))).text == "begun\nover\n"
                assert drain.wait(END_S) == 0
            finally:
                drain.kill()
        assert server.store.computations.get(running).attempt == 1
        assert server.store.computations.get(waiting).state == "queued"
