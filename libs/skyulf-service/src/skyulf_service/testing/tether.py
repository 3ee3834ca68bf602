"""Run a command that dies with its parent: ``python tether.py PARENT_PID SIGNAL USER|- COMMAND…``.

A script of its own, so that nothing runs between fork and exec in a process that has threads. It imports the standard
library only and is started by path.
"""

import ctypes
import os
import pwd
import sys

PR_SET_PDEATHSIG = 1


def main(arguments: list[str]) -> None:
    """Become ``COMMAND``, as ``USER`` if one is named, with ``SIGNAL`` sent to it when the parent ends."""
    parent, signal_number, user, *command = arguments
    if user != "-":
        become(user)
    if sys.platform == "linux":
        # after the change of user: the kernel forgets the setting when credentials change
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, int(signal_number), 0, 0, 0)
    if os.getppid() != int(parent):
        sys.exit("the parent ended before the command started")
    os.execvp(command[0], command)  # noqa: S606 - the caller's command, never a user's


def become(user: str) -> None:
    """Take the user's ids; refused unless root."""
    entry = pwd.getpwnam(user)
    os.initgroups(user, entry.pw_gid)
    os.setgid(entry.pw_gid)
    os.setuid(entry.pw_uid)
    os.environ["HOME"] = entry.pw_dir


if __name__ == "__main__":
    main(sys.argv[1:])
