#!/usr/bin/python3
"""Work in a mount, end its daemon at a random moment, judge what is left.

    rounds.py KIND END ROUNDS SEED VAULT PASSFILE DIR

KIND: rollback, wal (sqlite in these modes) or files.
END:  kill: SIGKILL of the daemon, its keeper takes the dead mount away
      lock: `tazpod lock` while the workers work; nothing is synced before
      any: SIGKILL of the daemon, of its keeper, after which the vault is
            locked, or of both, after which the next mount heals the place
Then the vault is mounted again.  Whatever a worker had reported must be
there, and of what it had not, at most the one step that it was at.  One round
goes on where the last one ended.  TAZPODFS and TAZPOD are the programs.
"""
import collections
import errno
import os
import random
import signal
import subprocess
import sys
import time

import work_files
import work_sqlite

PATIENCE = 60
GONE = 7        # the exit status of a worker whose daemon is gone
OPTIONS = ["", "nocache", "writeback"]
SEALS = ["", "seal=off", "seal=5ms,seal_max=20ms", "seal=close"]
KINDS = {
    "rollback": lambda: work_sqlite.Work(work_sqlite.ROLLBACK),
    "wal": lambda: work_sqlite.Work(work_sqlite.WAL),
    "files": work_files.Work,
}


def command(*words, check=True):
    done = subprocess.run(words, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          timeout=PATIENCE, check=False)
    if check and done.returncode != 0:
        sys.exit("%s: status %d: %s" % (
            " ".join(words), done.returncode, done.stdout.decode()))
    return done.stdout.decode()


class Mount:
    def __init__(self, vault, passfile, folder):
        self.vault, self.passfile, self.folder = vault, passfile, folder
        self.temp = os.path.join(os.path.dirname(vault),
                                 ".%s.new" % os.path.basename(vault))
        self.pid = 0

    def start(self, options):
        command(os.environ["TAZPODFS"], "-o", ",".join(
            filter(None, ["passfile=" + self.passfile, options])),
            self.vault, self.folder)
        for line in command(os.environ["TAZPOD"], "status",
                            self.folder).splitlines():
            if line.startswith("daemon"):
                self.pid = int(line.split()[-1])

    def lock(self):
        command(os.environ["TAZPOD"], "lock", "-q", self.folder)

    def keeper(self):
        return int(command("pgrep", "-P", str(self.pid), "-x",
                           "tazpodfs-keeper"))

    def kill(self, pid=None):
        pid = pid or self.pid
        os.kill(pid, signal.SIGKILL)
        end = time.monotonic() + PATIENCE
        while os.path.exists("/proc/%d" % pid):
            with open("/proc/%d/stat" % pid, encoding="ascii",
                      errors="replace") as f:
                if f.read().rsplit(")", 1)[1].split()[0] in "ZX":
                    break
            if time.monotonic() > end:
                sys.exit("process %d survives SIGKILL" % pid)
            time.sleep(0.001)

    def await_keeper(self):
        """The keeper of a daemon that was killed unmounts what it left."""
        begin = time.monotonic()
        end = begin + PATIENCE
        while True:
            with open("/proc/self/mountinfo", encoding="utf-8") as f:
                if all(line.split()[4] != self.folder for line in f):
                    # It is an ordinary folder again.
                    os.listdir(self.folder)
                    return time.monotonic() - begin
            if time.monotonic() > end:
                sys.exit("the dead mount stays")
            time.sleep(0.005)


class Report:
    """One line for each state, in a file that is not in the vault."""

    def __init__(self, path, state):
        self.path, self.state = path, state
        self.fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)

    def __call__(self, n):
        os.write(self.fd, b"%d\n" % n)

    def last(self):
        with open(self.path, "rb") as f:
            lines = f.read().split(b"\n")[:-1]
        return int(lines[-1]) if lines else self.state


def spawn(work, top, report, rng):
    pid = os.fork()
    if pid != 0:
        return pid
    # What comes of a daemon that is gone ends a worker, and is no error.
    try:
        # By name it would be the folder below, once the mount is gone.
        os.chdir(top)
        work(".", report, rng)
    except work_sqlite.sqlite3.OperationalError:
        os._exit(GONE)
    except BaseException as e:
        if isinstance(e, OSError) and e.errno in (
                errno.EIO, errno.ENOTCONN, errno.ECONNABORTED):
            os._exit(GONE)
        sys.stderr.write("%r\n" % e)
    os._exit(1)


def collect(pids, seconds):
    statuses = {}
    end = time.monotonic() + seconds
    while True:
        for pid in pids:
            if pid not in statuses:
                got, status = os.waitpid(pid, os.WNOHANG)
                if got == pid:
                    statuses[pid] = status
        if len(statuses) == len(pids) or time.monotonic() >= end:
            return statuses
        time.sleep(0.002)


def spin(seconds):
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        pass


def await_moment(mount, rng):
    """Wait for the moment of the end; says which one it was."""
    kind = rng.choice(["time", "writing", "writing", "replaced"])
    time.sleep(rng.uniform(0.01, 0.5 if kind == "time" else 0.2))
    end = time.monotonic() + 3
    inode = os.stat(mount.vault).st_ino
    while kind == "writing" and not os.path.exists(mount.temp):
        if time.monotonic() > end:
            return "time"
    while kind == "replaced" and os.stat(mount.vault).st_ino == inode:
        if time.monotonic() > end:
            return "time"
    if kind != "time":
        spin(rng.choice([0, 0, rng.uniform(0, 0.003)]))
    return kind


class Rounds:
    def __init__(self, args):
        kind, self.end, count, seed, vault, passfile, folder = args
        self.work = KINDS[kind]()
        self.count = int(count)
        self.rng = random.Random(seed)
        self.mount = Mount(vault, passfile, folder)
        self.sync = self.end != "lock"
        self.slowest = 0
        self.states = collections.defaultdict(int)
        self.moments = collections.Counter()
        self.steps = 0

    def options(self):
        return ",".join(filter(None, [self.rng.choice(OPTIONS),
                                      self.rng.choice(SEALS)]))

    def start_workers(self, number):
        reports, pids = {}, {}
        for name, work in self.work.workers(self.sync):
            reports[name] = Report("%s.report.%s" % (self.mount.vault, name),
                                   self.states[name])
            pids[spawn(work, self.mount.folder, reports[name],
                       random.Random("%s %d" % (name, number)))] = name
        end = time.monotonic() + PATIENCE
        while any(r.last() == r.state for r in reports.values()):
            if time.monotonic() > end:
                break
            if collect(pids, 0):
                break
            time.sleep(0.005)
        return reports, pids

    def finish(self, pids):
        """The moment is there: end the daemon, see that workers end by it."""
        early = collect(pids, 0)
        end = self.end
        if end == "any":
            end = self.rng.choice(["kill", "keeper", "both"])
            self.moments["end of " + end.replace("kill", "daemon")] += 1
        if end in ("keeper", "both"):
            self.mount.kill(self.mount.keeper())
        if end in ("kill", "both"):
            self.mount.kill()
            if os.path.exists(self.mount.temp):
                self.moments["within a seal"] += 1
        else:
            self.mount.lock()
        # Those that read alone may have all they need in the kernel's cache.
        for pid, name in pids.items():
            if name == "reader" and pid not in early:
                os.kill(pid, signal.SIGKILL)
        late = collect([p for p in pids if p not in early], PATIENCE)
        for pid in pids:
            if pid not in early and pid not in late:
                os.kill(pid, signal.SIGKILL)
        if end != "both":
            self.slowest = max(self.slowest, self.mount.await_keeper())
        good = {"reader": (signal.SIGKILL, GONE << 8, signal.SIGBUS)}
        wrong = ["%s ended too early: status %d" % (pids[p], s)
                 for p, s in early.items()]
        wrong += ["%s ended badly: status %d" % (pids[p], s)
                  for p, s in late.items()
                  if s not in good.get(pids[p], (GONE << 8, signal.SIGBUS))]
        if len(early) + len(late) < len(pids):
            wrong.append("a worker hangs")
        return wrong

    def round(self, number):
        reports, pids = self.start_workers(number)
        self.moments[await_moment(self.mount, self.rng)] += 1
        wrong = self.finish(pids)
        options = self.options()
        self.mount.start(options)
        last = {name: r.last() for name, r in reports.items()}
        for name, r in reports.items():
            if name != "reader":
                self.steps += last[name] - self.states[name]
            os.close(r.fd)
        more, states = self.work.check(self.mount.folder, last, self.sync)
        self.states = collections.defaultdict(int, states)
        return wrong + more, options

    def run(self):
        options = self.options()
        self.mount.start(options)
        for number in range(1, self.count + 1):
            wrong, following = self.round(number)
            if wrong:
                print("round %d, options '%s', then '%s':" % (
                    number, options, following))
                print("\n".join(wrong))
                return 1
            options = following
        self.mount.lock()
        print("%d rounds, %d steps; %s" % (self.count, self.steps, ", ".join(
            "%s %d" % m for m in sorted(self.moments.items()))))
        if self.end != "lock":
            print("the place was usable after %d ms at most" % (
                self.slowest * 1000))
        return 0


if __name__ == "__main__":
    sys.exit(Rounds(sys.argv[1:]).run())
