#!/usr/bin/python3
"""Run a command on a terminal and type into it.

    term.py [WAIT=>TYPE ...] -- COMMAND...

Types TYPE (escapes like \\r work; !N! pauses for N seconds) once WAIT is
shown.  Prints what the terminal showed, then whether echo is on at the end,
and ends as the command did: its exit status, or 128 and the signal.
"""
import os
import pty
import re
import select
import sys
import termios
import time

LIMIT = 30


def spawn(command):
    master, slave = pty.openpty()
    pid = os.fork()
    if pid == 0:
        os.close(master)
        os.setsid()
        # Opening it makes it the controlling terminal.
        fd = os.open(os.ttyname(slave), os.O_RDWR)
        for n in range(3):
            os.dup2(fd, n)
        os.closerange(3, 256)
        os.environ["TERM"] = "xterm"
        os.execvp(command[0], command)
    return pid, master, slave


def type_into(master, text):
    for part in re.split(r"(![0-9.]+!)", text):
        if part.startswith("!") and len(part) > 1:
            time.sleep(float(part[1:-1]))
        elif part:
            os.write(master, part.encode().decode("unicode_escape").encode())


def main(args):
    split = args.index("--")
    steps = [step.split("=>", 1) for step in args[:split]]
    pid, master, slave = spawn(args[split + 1:])
    shown, seen, status, end = b"", 0, None, time.monotonic() + LIMIT
    while time.monotonic() < end:
        ready, _, _ = select.select([master], [], [], 0.05)
        if ready:
            shown += os.read(master, 65536)
        while steps and shown.find(steps[0][0].encode(), seen) >= 0:
            wait, text = steps.pop(0)
            seen = shown.find(wait.encode(), seen) + len(wait.encode())
            # The program turns echo off just before it prompts, or after.
            time.sleep(0.05)
            type_into(master, text)
        if status is None:
            done, code = os.waitpid(pid, os.WNOHANG)
            status = code if done else None
        elif not ready:
            break
    sys.stdout.buffer.write(shown.replace(b"\r\n", b"\n"))
    flags = termios.tcgetattr(slave)[3]
    print("\necho", "on" if flags & termios.ECHO else "off")
    for wait, _ in steps:
        print("never shown:", wait)
    if status is None:
        print("still running after", LIMIT, "seconds")
        os.kill(pid, 9)
        os.waitpid(pid, 0)
        sys.exit(124)
    if os.WIFSIGNALED(status):
        sys.exit(128 + os.WTERMSIG(status))
    sys.exit(os.WEXITSTATUS(status))


main(sys.argv[1:])
