#!/usr/bin/python3
"""Run a command on a terminal and type into it, as a shell would have it.

    term.py [WAIT=>TYPE ...] -- COMMAND...

Types TYPE (escapes like \\r work) once WAIT is shown.  In TYPE, !0.5! pauses
for half a second, !TERM! sends the command that signal, !fg! and !bg! continue
a command that was stopped, !echo! shows "[echo on]" or "[echo off]", and !ps!
keeps what /proc shows of the command's processes in the file $TERM_PS.

The command is a job of its own.  When it stops, "[stopped by SIGTSTP, echo
on]" is shown, with what the terminal is like then.  At the end it prints what
the terminal showed, then whether echo is on, and ends as the command did: its
exit status, or 128 and the signal.  The session outlives the command, since
its end would reset the terminal.
"""
import os
import pty
import re
import select
import signal
import sys
import termios
import time

LIMIT = 30


def echo(fd):
    return "on" if termios.tcgetattr(fd)[3] & termios.ECHO else "off"


def spawn_job(command, fd):
    """The command in a process group of its own, in the foreground."""
    gate, opener = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.setpgid(0, 0)
        os.read(gate, 1)
        for n in range(3):
            os.dup2(fd, n)
        os.closerange(3, 256)
        signal.signal(signal.SIGTTOU, signal.SIG_DFL)
        # Python ignores them, and who is run should not.
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
        signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
        os.environ["TERM"] = "xterm"
        os.execvp(command[0], command)
    try:
        os.setpgid(pid, pid)
    except PermissionError:
        pass
    os.tcsetpgrp(fd, pid)
    os.write(opener, b"x")
    os.close(opener)
    os.close(gate)
    return pid


def lead(name, command, orders, report):
    """The leader of the session: what a shell is to a job."""
    os.setsid()
    fd = os.open(name, os.O_RDWR)
    signal.signal(signal.SIGTTOU, signal.SIG_IGN)
    # Not what a reset terminal has.
    mode = termios.tcgetattr(fd)
    mode[6][termios.VSWTC] = b"\x1e"
    termios.tcsetattr(fd, termios.TCSANOW, mode)
    pid = spawn_job(command, fd)
    os.write(report, b"%d\n" % pid)
    while True:
        done, status = os.waitpid(pid, os.WNOHANG | os.WUNTRACED)
        if done and os.WIFSTOPPED(status):
            state = echo(fd)
            os.tcsetpgrp(fd, os.getpgrp())
            sig = signal.Signals(os.WSTOPSIG(status)).name
            os.write(fd, b"[stopped by %s, echo %s]\n" %
                     (sig.encode(), state.encode()))
        elif done:
            break
        ready, _, _ = select.select([orders], [], [], 0.02)
        order = os.read(orders, 1) if ready else b""
        if order == b"f":
            os.tcsetpgrp(fd, pid)
        if order in (b"f", b"b"):
            os.killpg(pid, signal.SIGCONT)
        if order == b"e":
            os.write(fd, b"[echo %s]\n" % echo(fd).encode())
    same = termios.tcgetattr(fd) == mode
    os.write(report, b"%d %s\n" % (status, echo(fd).encode() if same or
                                   echo(fd) == "off" else b"changed"))
    os._exit(0)


def keep_ps(pid):
    """What anybody could read of the processes of the job."""
    with open(os.environ["TERM_PS"], "ab") as out:
        for entry in filter(str.isdigit, os.listdir("/proc")):
            try:
                if os.getpgid(int(entry)) != pid:
                    continue
                for part in ("cmdline", "environ"):
                    with open(f"/proc/{entry}/{part}", "rb") as f:
                        out.write(b"%s %s: %s\n" % (
                            entry.encode(), part.encode(), f.read()))
            except OSError:
                pass


def type_into(master, text, pid, orders):
    for part in re.split(r"(![A-Za-z0-9.]+!)", text):
        word = part[1:-1] if part.startswith("!") and len(part) > 1 else ""
        if word in ("fg", "bg", "echo"):
            os.write(orders, word[0].encode())
        elif word == "ps":
            keep_ps(pid)
        elif hasattr(signal, "SIG" + word):
            os.kill(pid, getattr(signal, "SIG" + word))
        elif word:
            time.sleep(float(word))
        elif part:
            os.write(master, part.encode().decode("unicode_escape").encode())


def start(command):
    master, slave = pty.openpty()
    order_in, order_out = os.pipe()
    report_in, report_out = os.pipe()
    leader = os.fork()
    if leader == 0:
        os.close(master)
        os.close(order_out)
        os.close(report_in)
        lead(os.ttyname(slave), command, order_in, report_out)
    os.close(report_out)
    return leader, master, order_out, os.fdopen(report_in, "rb")


def main(args):
    split = args.index("--")
    steps = [step.split("=>", 1) for step in args[:split]]
    leader, master, orders, report = start(args[split + 1:])
    pid = int(report.readline())
    shown, seen, ended, end = b"", 0, False, time.monotonic() + LIMIT
    while time.monotonic() < end:
        ready, _, _ = select.select([master], [], [], 0.05)
        if ready:
            shown += os.read(master, 65536)
        while steps and shown.find(steps[0][0].encode(), seen) >= 0:
            wait, text = steps.pop(0)
            seen = shown.find(wait.encode(), seen) + len(wait.encode())
            # The program turns echo off just before it prompts, or after.
            time.sleep(0.05)
            type_into(master, text, pid, orders)
        if not ended:
            done, _ = os.waitpid(leader, os.WNOHANG)
            ended = done != 0
        elif not ready:
            break
    sys.stdout.buffer.write(shown.replace(b"\r\n", b"\n"))
    if not ended:
        print("\nstill running after", LIMIT, "seconds")
        os.killpg(pid, signal.SIGKILL)
        os.waitpid(leader, 0)
        sys.exit(124)
    status, state = report.readline().split()
    print("\necho", state.decode())
    for wait, _ in steps:
        print("never shown:", wait)
    if os.WIFSIGNALED(int(status)):
        sys.exit(128 + os.WTERMSIG(int(status)))
    sys.exit(os.WEXITSTATUS(int(status)))


main(sys.argv[1:])
