"""Find out what keeps a service from running, however often it is started: its port is taken, the disk is full."""

from __future__ import annotations

import os
import socket
from pathlib import Path

from host.errors import EXIT_PORT, EXIT_SERVICE_DIED, HostError, ObstacleError

FULL_MIB = 64  # with less MongoDB cannot work


def check_port(host: str, port: int) -> None:
    """Find out whether the web part can have its port. Raises HostError."""
    with socket.socket() as trial:
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            trial.bind((host, port))
        except OSError as error:
            raise HostError(
                f"cannot listen on {host}, port {port} ({error.strerror}); stop what uses it, or choose another: "
                "make run PORT=5001",
                EXIT_PORT,
            ) from error


def check_disk(data: Path) -> None:
    """Find out whether MongoDB has room to work. Raises ObstacleError."""
    disk = os.statvfs(data)
    if (free_mib := disk.f_bavail * disk.f_frsize >> 20) < FULL_MIB:
        raise ObstacleError(
            f"the disk of {data} is full: {free_mib} MiB are free, MongoDB needs {FULL_MIB}; make room there",
            EXIT_SERVICE_DIED,
        )
