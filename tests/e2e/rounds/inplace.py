#!/usr/bin/python3
"""Kill the daemon while it overwrites a vault in place, judge what is left.

    inplace.py ROUNDS SEED VAULT PASSFILE DIR READER

In every other round, when the length of the file shows that it is just being
replaced.  Then READER, which is not tazpod's, opens the file as it is; then it
is mounted read-only, which must not change it; then in place, which repairs
it.  Each must find the last state that was reported, or the next.  TAZPODFS
and TAZPOD are the programs.
"""
import collections
import os
import random
import signal
import shutil
import subprocess
import sys
import time

import rounds
import work_files

MAGIC = b"TAZPOD2 journal\n"
NAME = "file"
PATIENCE = 30


def state(n):
    """From 0 to 400 KB, larger and smaller at random."""
    size = random.Random(n).choice([0, 500, 5000, 100000, 400000])
    return work_files.record(NAME, n, size) if n > 0 else b""


def work(top, report, n):
    path = os.path.join(top, NAME)
    while True:
        n += 1
        fd = os.open(path + ".new", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        work_files.write_all(fd, state(n))
        os.close(fd)
        os.rename(path + ".new", path)
        work_files.sync_dir(top)
        report(n)


def find(top, n, who):
    """Which state it is: n, or the one after it."""
    path = os.path.join(top, NAME)
    data = work_files.read(path) if os.path.exists(path) else b""
    for m in (n, n + 1):
        if data == state(m):
            return m
    sys.exit("%s finds %d bytes, not state %d of %d bytes" % (
        who, len(data), n, len(state(n))))


def await_moment(vault, rng, in_replacement):
    size = os.stat(vault).st_size
    end = time.monotonic() + PATIENCE
    if not in_replacement:
        time.sleep(rng.uniform(0.005, 0.1))
        return
    while True:
        now = os.stat(vault).st_size
        if now > size:      # it grows in the first step alone
            break
        size = now
        if time.monotonic() > end:
            sys.exit("the vault is never replaced")
    rounds.spin(rng.choice([0, rng.uniform(0, 0.002), rng.uniform(0, 0.008)]))


def kind(data):
    """What the kill has left: the journal, whole or not, or none."""
    at = len(data) - len(data) % 4096 - 4096
    if at >= 0 and data[at:].startswith(MAGIC):
        return "a journal"
    if at >= 0 and not any(data[at:]):
        return "room for one"
    return "none"


class Kills:
    def __init__(self, count, seed, vault, passfile, folder, reader):
        self.count, self.rng = int(count), random.Random(seed)
        self.vault, self.passfile = vault, passfile
        self.folder, self.reader = folder, reader
        self.mount = rounds.Mount(vault, passfile, folder)
        self.scratch = folder + ".unpacked"
        self.left = collections.Counter()
        self.beside = os.listdir(os.path.dirname(vault))

    def kill(self, number, n):
        """One state after the other, until the daemon dies: the last that was
        reported."""
        report = rounds.Report(self.folder + ".report", n)
        pid = rounds.spawn(lambda top, r, _: work(top, r, n), self.folder,
                           report, self.rng)
        end = time.monotonic() + PATIENCE
        while report.last() == n and time.monotonic() < end:
            time.sleep(0.001)
        await_moment(self.vault, self.rng, number % 2 == 0)
        self.mount.kill()
        if rounds.collect([pid], PATIENCE).get(pid) != rounds.GONE << 8:
            os.kill(pid, signal.SIGKILL)
            sys.exit("the worker does not end, or badly")
        self.mount.await_keeper()
        return report.last()

    def judge(self, number, n):
        data = work_files.read(self.vault)
        self.left[kind(data)] += 1
        shutil.rmtree(self.scratch, ignore_errors=True)
        rounds.command(sys.executable, self.reader, self.vault, self.scratch,
                       self.passfile)
        found = find(self.scratch, n, "the reader")
        if number % 3 == 0:
            self.mount.start("ro")
            if find(self.folder, found, "ro") != found:
                sys.exit("a read-only mount finds another state")
            self.mount.lock()
            if work_files.read(self.vault) != data:
                sys.exit("a read-only mount changes the vault")
        self.mount.start("inplace,seal=off")
        if find(self.folder, found, "inplace") != found:
            sys.exit("a mount finds another state than the reader")
        if kind(work_files.read(self.vault)) != "none":
            sys.exit("a mount leaves the journal")
        if os.listdir(os.path.dirname(self.vault)) != self.beside:
            sys.exit("something is beside the vault")
        return found

    def run(self):
        n = 0
        self.mount.start("inplace,seal=off")
        for number in range(1, self.count + 1):
            n = self.judge(number, self.kill(number, n))
        self.mount.lock()
        print("%d rounds, %d states; left was: %s" % (
            self.count, n, ", ".join(
                "%s %d" % k for k in sorted(self.left.items()))))
        if self.count >= 20 and self.left["a journal"] == 0:
            sys.exit("no kill was within a replacement")


if __name__ == "__main__":
    Kills(*sys.argv[1:]).run()
