"""A disk of a few megabytes, and an account without rights: for this process alone, seen by nobody else.

Linux gives both to a process of its own: a mount namespace (under an account that is not root, within a user
namespace), and another user id. Under an account that is not root, it is that account whose rights are taken.
"""

from __future__ import annotations

import ctypes
import os
import sys
from pathlib import Path

from recsys.cli._trust.supervised import LeftOut

_NEWNS, _NEWUSER = 0x00020000, 0x10000000
_REC, _PRIVATE = 0x4000, 1 << 18
_NOBODY = 65_534
DISK_MEGABYTES = 16


def small_disk(folder: Path) -> Path:
    """A file system in memory, of `DISK_MEGABYTES`, that only this process and its children see.

    Raises
    ------
    LeftOut
        The system does not allow it.
    """
    if sys.platform != "linux":
        raise LeftOut("needs Linux")
    disk = folder / "disk"
    disk.mkdir()
    libc = ctypes.CDLL(None, use_errno=True)
    user, group = os.getuid(), os.getgid()
    if libc.unshare(_NEWNS if user == 0 else _NEWNS | _NEWUSER):
        raise LeftOut("needs root or user namespaces")
    if user:
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"0 {user} 1")
        Path("/proc/self/gid_map").write_text(f"0 {group} 1")
    size = f"size={DISK_MEGABYTES}m,mode=0700".encode()
    apart = libc.mount(b"none", b"/", None, _REC | _PRIVATE, None)
    if apart or libc.mount(b"tmpfs", str(disk).encode(), b"tmpfs", 0, size):
        raise LeftOut("needs the right to mount a file system in memory")
    return disk


def as_nobody(folder: Path) -> Path:
    """A folder of an account whose rights can be taken away: root's cannot, so root becomes nobody in this process."""
    if os.getuid() == 0:
        for place in (folder, *folder.rglob("*")):
            os.chown(place, _NOBODY, _NOBODY)
        os.environ["HOME"] = str(folder)
        os.setgroups([])
        os.setgid(_NOBODY)
        os.setuid(_NOBODY)
        if not os.access(os.__file__, os.R_OK):
            raise LeftOut("only root may read this Python's own files: run it under another account")
    return folder
