"""Changes of files, each reported once the call that makes it durable has
returned; if nothing is synced, once the file is closed.

Each worker brings its part of the tree from state n - 1 to state n.  After a
crash the state must be the one that was reported, the next one, or something
on the way to it: which states those are, is said at each check.
"""
import hashlib
import mmap
import os
import struct

PAGE = 4096
HEAD = struct.Struct("<4sII32s")     # magic, n, length of the body, digest
CHAIN = 40      # records in one file of the appenders


def record(name, n, size=None):
    """State n of what is called name: it tells itself what it is."""
    seed = hashlib.shake_128(b"%s/%d" % (name.encode(), n))
    if size is None:
        size = int.from_bytes(seed.digest(2), "big") % 20000
    data = seed.digest(size)
    return HEAD.pack(b"TZrc", n, size, hashlib.sha256(data).digest()) + data


def read(path):
    with open(path, "rb") as f:
        return f.read()


def sync_dir(path):
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    os.fsync(fd)
    os.close(fd)


def write_all(fd, data):
    while data:
        data = data[os.write(fd, data):]


class Append:
    """Records at the end of a file; now and then a new file."""

    def __init__(self, name, how):
        self.name, self.how = name, how
        self.flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND

    def path(self, top, n):
        return os.path.join(top, "%s.%d" % (self.name, n // CHAIN))

    def work(self, top, report, n, sync):
        flags, call = self.flags, None
        if sync and self.how in ("O_SYNC", "O_DSYNC"):
            flags |= getattr(os, self.how)
        elif sync:
            call = getattr(os, self.how)
        # What a crash cut off.
        if os.path.exists(self.path(top, n)):
            os.truncate(self.path(top, n), len(self.whole(n)) if n else 0)
        if n > 0 and self.path(top, n + 1) != self.path(top, n) and \
                os.path.exists(self.path(top, n + 1)):
            os.unlink(self.path(top, n + 1))
        while True:
            n += 1
            fd = os.open(self.path(top, n), flags, 0o600)
            write_all(fd, record(self.name, n))
            if call:
                call(fd)
            if sync:
                report(n)
            os.close(fd)
            if not sync:        # with writeback it may be the kernel's till now
                report(n)
            if n % CHAIN == 1 and n > CHAIN:
                os.unlink(self.path(top, n - CHAIN))

    def whole(self, n):
        first = max(n // CHAIN * CHAIN, 1)
        return b"".join(record(self.name, m) for m in range(first, n + 1))

    def check(self, top, n):
        """All that was reported, then a part of the next record."""
        here, after = self.path(top, n), self.path(top, n + 1)
        data = read(here) if os.path.exists(here) else b""
        want = self.whole(n) if n > 0 else b""
        if data[:len(want)] != want:
            return "%s does not hold what was reported" % here, n
        rest = data[len(want):]
        if after != here and os.path.exists(after):
            rest = read(after)
        following = record(self.name, n + 1)
        if not following.startswith(rest):
            return "%s: foreign bytes behind record %d" % (here, n), n
        return None, n + 1 if rest == following else n


class Replace:
    """A file of another name, synced, renamed over the old one."""

    def __init__(self, name, how):
        self.name, self.how = name, how

    def work(self, top, report, n, sync):
        path = os.path.join(top, self.name, "file")
        os.makedirs(os.path.dirname(path), exist_ok=True)
        while True:
            n += 1
            data = record(self.name, n)
            fd = os.open(path + ".new", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
            write_all(fd, data[:n % 7000])
            write_all(fd, data[n % 7000:])
            if sync:
                getattr(os, self.how)(fd)
            os.close(fd)
            os.rename(path + ".new", path)
            if sync:
                sync_dir(os.path.dirname(path))
            report(n)

    def check(self, top, n):
        """The reported version or the next, whole."""
        path = os.path.join(top, self.name, "file")
        data = read(path) if os.path.exists(path) else b""
        for m in (n, n + 1):
            if data == (record(self.name, m) if m > 0 else b""):
                return None, m
        return "%s (%d bytes) is neither version %d nor %d" % (
            path, len(data), n, n + 1), n


class Map:
    """Pages of a mapped file, one after the other, with msync."""
    PAGES = 16

    def __init__(self, name):
        self.name = name

    def page(self, n):
        return record(self.name, n, PAGE - HEAD.size)

    def work(self, top, report, n, sync):
        path = os.path.join(top, self.name)
        fd = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        os.ftruncate(fd, self.PAGES * PAGE)
        with mmap.mmap(fd, self.PAGES * PAGE) as m:
            while True:
                n += 1
                at = n % self.PAGES * PAGE
                m[at:at + PAGE] = self.page(n)
                m.flush(at, PAGE)       # MS_SYNC
                report(n)

    def check(self, top, n):
        """The last pages that were reported; the next one, or parts of it."""
        path = os.path.join(top, self.name)
        data = read(path) if os.path.exists(path) else b""
        for m in range(max(1, n - self.PAGES + 2), n + 1):
            at = m % self.PAGES * PAGE
            if data[at:at + PAGE] != self.page(m):
                return "%s: page %d is not as reported" % (path, m), n
        at = (n + 1) % self.PAGES * PAGE
        new = self.page(n + 1)
        got = data[at:at + PAGE] or bytes(PAGE)
        old = (self.page(n + 1 - self.PAGES) if n + 1 > self.PAGES
               else bytes(PAGE))
        if any(g not in pair for g, pair in zip(got, zip(old, new))):
            return "%s: foreign bytes in page %d" % (path, n + 1), n
        return None, n + 1 if got == new else n


class Names:
    """Names of all kinds in a folder that is synced, each renamed once."""
    KEPT = 10

    def __init__(self, name):
        self.name = name

    def entry(self, top, n, suffix=""):
        return os.path.join(top, self.name, "e%d%s" % (n, suffix))

    def make(self, top, n):
        path = self.entry(top, n, ".new")
        if os.path.lexists(path):
            (os.rmdir if n % 4 == 0 else os.unlink)(path)
        if n % 4 == 0:
            os.mkdir(path)
        elif n % 4 == 1:
            os.symlink("to %d" % n, path)
        elif n % 4 == 2:
            os.link(os.path.join(top, self.name, "base"), path)
        else:
            os.close(os.open(path, os.O_CREAT | os.O_WRONLY, 0o600 + n % 8))

    def work(self, top, report, n, sync):
        folder = os.path.join(top, self.name)
        os.makedirs(folder, exist_ok=True)
        with open(os.path.join(folder, "base"), "ab"):
            pass
        if os.path.lexists(self.entry(top, n + 1)):
            self.drop(top, n + 1)
        while True:
            n += 1
            self.make(top, n)
            os.rename(self.entry(top, n, ".new"), self.entry(top, n))
            # os.path.lexists() would take every error for absence.
            try:
                if n > self.KEPT:
                    self.drop(top, n - self.KEPT)
            except FileNotFoundError:
                pass
            if sync:
                sync_dir(folder)
            report(n)

    def drop(self, top, n):
        (os.rmdir if n % 4 == 0 else os.unlink)(self.entry(top, n))

    def is_right(self, path, n):
        if not os.path.lexists(path):
            return False
        if n % 4 == 0:
            return os.path.isdir(path)
        if n % 4 == 1:
            return os.path.islink(path) and os.readlink(path) == "to %d" % n
        if n % 4 == 2:
            return os.path.samefile(path, os.path.join(
                os.path.dirname(path), "base"))
        return os.stat(path).st_mode & 0o777 == 0o600 + n % 8 & ~0o022

    def check(self, top, n):
        """Every name reported; the next one, under one of its two names."""
        folder = os.path.join(top, self.name)
        there = set(os.listdir(folder)) if os.path.isdir(folder) else set()
        for m in range(max(1, n - self.KEPT + 2), n + 1):
            if not self.is_right(self.entry(top, m), m):
                return "%s is not as reported" % self.entry(top, m), n
        may = {"base"} | {"e%d" % m for m in range(n - self.KEPT + 1, n + 2)}
        may |= {"e%d.new" % (n + 1)}
        if there - may:
            return "%s: %s should not be there, at %d" % (
                folder, sorted(there - may), n), n
        if n >= self.KEPT and "e%d" % (n - self.KEPT + 1) not in there:
            return None, n + 1
        return None, n


class Attributes:
    """An extended attribute, a mode and a time of one file."""

    def __init__(self, name):
        self.name = name

    def work(self, top, report, n, sync):
        path = os.path.join(top, self.name)
        fd = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        while True:
            n += 1
            os.fchmod(fd, 0o600 + n % 64)
            os.utime(fd, ns=(0, n * 10**9 + 7))
            os.setxattr(fd, "user.state", b"%d" % n)
            if sync:
                os.fsync(fd)
            report(n)

    def check(self, top, n):
        """As reported or a step further, set in this order."""
        path = os.path.join(top, self.name)
        if not os.path.exists(path) or (
                n == 0 and "user.state" not in os.listxattr(path)):
            return "%s is gone" % path if n > 0 else None, n
        st = os.stat(path)
        m = int(os.getxattr(path, "user.state"))
        modes = {0o600 + n % 64, 0o600 + (n + 1) % 64}
        times = {n * 10**9 + 7, (n + 1) * 10**9 + 7}
        if m not in (n, n + 1) or st.st_mode & 0o777 not in modes or \
                st.st_mtime_ns not in times:
            return "%s: state %d, %o, %d, reported was %d" % (
                path, m, st.st_mode, st.st_mtime_ns, n), n
        return None, m


class Work:
    def __init__(self):
        self.parts = [Append("a-fsync", "fsync"), Append("a-data", "fdatasync"),
                      Append("a-osync", "O_SYNC"), Append("a-dsync", "O_DSYNC"),
                      Replace("r-fsync", "fsync"), Replace("r-data", "fdatasync"),
                      Map("mapped"), Names("names"), Attributes("attributes")]

    def workers(self, sync):
        return [(p.name, self.worker(p, sync)) for p in self.parts
                if sync or not isinstance(p, Map)]

    @staticmethod
    def worker(part, sync):
        def work(top, report, _rng):
            part.work(top, report, report.state, sync)
        return work

    def check(self, top, reported, _sync):
        wrong, states = [], {}
        for p in self.parts:
            if p.name in reported:
                text, states[p.name] = p.check(top, reported[p.name])
                if text:
                    wrong.append(text)
        return wrong, states
