"""Starts a supervisor: reads its start configuration, tests the sandbox, binds the port, says so, and supervises.

Answers ``{"listening": port}`` or ``{"error": sentence}`` on standard output. Ends when standard input ends: however
the trusted side dies, its end of that pipe or SSH channel closes. Only kept sessions wait then, for the next device; if
an earlier device has left such a supervisor here, that one goes on in place of a new one (``inheritance``).
"""

from __future__ import annotations

import json
import logging
import os
import resource
import shutil
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

import zmq
from msgspec.structs import replace

from untrusted import inheritance, languages
from untrusted.languages import Language, kernelspecs
from untrusted.languages.kernelspecs import KernelspecError, NotInstalledError
from untrusted.sandbox import SandboxError, gvisor, selftest
from untrusted.sandbox import limiter as limiters
from untrusted.sandbox.limiter.group import Limiter
from untrusted.sandbox.plan import Gvisor, Plan, build_plan
from untrusted.supervisor.device_socket import DeviceSocket
from untrusted.supervisor.loop import Supervisor
from untrusted.supervisor.pool import CODE_DIRECTORY, Pool, make_home
from wire import START_CONFIG_BYTES_MAX, LanguageConfig, Layer, StartConfig, WireError, decode_start_config

EXIT_REFUSED = 3
PROGRAMS = "/usr/local/bin:/usr/bin:/bin"  # where sessions look for them
DESCRIPTORS_MAX = 65536  # not all that the host may allow: there are programs that close every number up to their limit
READ_BYTES = 65536
# Of the layers that are missing; the others are named. All of it fits into the one line that the device reads.
CAUSES_SHOWN, CAUSE_CHARS_MAX = 3, 200
log = logging.getLogger(__name__)


class StartError(Exception):
    """This account cannot hold the wall; the message is the sentence for the operator.

    ``layers``: those of the sandbox that this host does not give.
    """

    def __init__(self, sentence: str, layers: Sequence[str] = ()) -> None:
        super().__init__(sentence)
        self.layers = list(layers)


def main() -> int:
    """Run one supervisor; return its exit code."""
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(levelname)s %(message)s")
    # The end is the end of standard input; Ctrl-C in the terminal is the trusted side's to handle.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    signal.signal(signal.SIGUSR1, lambda *_: None)  # until there is something to drain
    try:
        config = decode_start_config(read_line())
        inherited = inheritance.inherit(config, CODE_DIRECTORY)
        if inherited is not None:
            answer(inherited.answer)
            inheritance.wait_for_end(inherited.connection)
        supervisor = start(config)
    except (StartError, WireError) as error:
        layers = getattr(error, "layers", [])
        answer({"error": str(error), "layers": layers} if layers else {"error": str(error)})
        return EXIT_REFUSED
    try:
        supervisor.run()
    finally:
        supervisor.stop()
    return 0


def start(config: StartConfig) -> Supervisor:
    """Build everything that the start configuration asks for, and say that it listens. Raises StartError."""
    if os.geteuid() == 0:
        raise StartError("root never runs user code: give the supervisor an account of its own")
    # Descriptors on their way between processes are counted for the whole account and held against the sender's own
    # limit: it must be above that of sessions, or one of them could keep us from handing out channels.
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, max(soft, DESCRIPTORS_MAX)), hard))
    installed = {name: entry for name, entry in config.languages.items() if is_installed(entry)}
    own = {name: entry for name, entry in installed.items() if not entry.through}
    found = {name: language for name, entry in own.items() if (language := find_language(name, entry.python))}
    through = {name: entry.through for name, entry in installed.items() if is_dialect(name, found.get(entry.through))}
    if not found:
        places = ", ".join(sorted({entry.python for entry in config.languages.values()}))
        raise StartError(f"no language can run here: there is no whole environment with a Python at {places}")
    try:
        guests = gvisor.find(config.runsc, config.runsc_flags) if config.runsc else None
        limits = next(iter(installed.values())).limits
        limiter = limiters.choose(config.limiter, config.cgroup_directory, limits, guests is not None)
        if guests:
            installed = {name: replace(entry, limits=gvisor.around(entry.limits)) for name, entry in installed.items()}
        home = make_home()
        # A session sees the environment of its own language.
        plans = {
            name: plan_sandbox(config, installed[name], language, limiter, guests, home)
            for name, language in found.items()
        }
    except SandboxError as error:
        raise StartError(str(error)) from error
    layers = test_layers(list(plans.values()), limiter)
    try:
        device_socket = DeviceSocket(config)
    except zmq.ZMQError as error:
        raise StartError(f"port {config.port} of {config.address} is not free: {error}") from error
    pools = {
        name: Pool(language, installed[name], plans[name], limiter, config.pool_ready, home)
        for name, language in found.items()
    }
    answer({"listening": config.port})
    return Supervisor(config, device_socket, pools, through, limiter, layers)


def plan_sandbox(
    config: StartConfig, entry: LanguageConfig, language: Language, limiter: Limiter, guests: Gvisor | None, home: Path
) -> Plan:
    """Return the plan of all sessions in one language. Raises SandboxError."""
    return build_plan(
        entry.limits,
        CODE_DIRECTORY,
        [entry.python],
        config.waived_layers,
        language.terminals,
        limiter.sees_all_memory,
        guests,
        home,
        language.calls,
        language.trees,
    )


def test_layers(plans: list[Plan], limiter: Limiter) -> list[Layer]:
    """Return what each layer is worth on this host, in the plan where it is worth least.

    Raises StartError for one that this host cannot give and the operator has not waived.
    """
    worth = ("off", "waived", "on")
    tested = [selftest.probe(plan) for plan in plans]
    layers = [min(states, key=lambda layer: worth.index(layer.state)) for states in zip(*tested, strict=True)]
    layers.append(limiters.layer(limiter))
    if selftest.missing(layers):
        causes = selftest.causes(layers)
        raise StartError(say_causes(causes), list(causes))
    for layer in layers:
        if layer.state == "waived":
            log.warning("running without the layer %s, as waived_layers says: %s", layer.name, layer.detail)
    return layers


def say_causes(causes: dict[str, str]) -> str:
    """Return the sentence about layers that this host does not give, with the kernel's words about each."""
    words = [why if len(why) <= CAUSE_CHARS_MAX else f"{why[: CAUSE_CHARS_MAX - 1]}…" for why in causes.values()]
    if len(causes) == 1:
        return f"this host does not give the layer {next(iter(causes))}: {words[0]}"
    names = list(causes)
    said = [f"{name} ({why})" for name, why in zip(names[:CAUSES_SHOWN], words, strict=False)]
    return f"this host does not give the layers {', '.join([*said, *names[CAUSES_SHOWN:]])}"


def is_installed(language: LanguageConfig) -> bool:
    """Return whether the environment of a language is whole and this account can run it."""
    return os.access(language.python, os.X_OK) and (not language.stamp or os.access(language.stamp, os.R_OK))


def find_language(name: str, python: str) -> Language | None:
    """Return the description of a language that was shipped with this code, if what it asks for is installed."""
    try:
        language = languages.load(name)
        if language.kernelspec:
            kernelspecs.find(language.kernelspec, python)
        return language
    except ImportError:
        log.warning("the code that was shipped has no language %s", name)
    except NotInstalledError as error:
        log.info("the language %s is left out: %s", name, error)
    except KernelspecError as error:
        log.warning("the language %s is left out: %s", name, error)
    return None


def is_dialect(name: str, language: Language | None) -> bool:
    """Return whether sessions of this language run cells in that one, too, and what those need is installed."""
    if language is None or name not in language.dialects:
        return False
    missing = [program for program in language.programs.get(name, ()) if shutil.which(program, path=PROGRAMS) is None]
    if missing:
        log.info("the language %s is left out: there is no %s", name, " and no ".join(missing))
    return not missing


def read_line() -> bytes:
    """Return the first line of standard input, reading nothing beyond what is there."""
    line = b""
    while not line.endswith(b"\n") and len(line) <= START_CONFIG_BYTES_MAX:
        piece = os.read(sys.stdin.fileno(), READ_BYTES)
        if not piece:
            break
        line += piece
    return line


def answer(line: dict) -> None:
    """Print the one line of standard output."""
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
