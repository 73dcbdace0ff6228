"""The parts of a storm.  Each has a folder of its own, a loop that changes it,
and a judge of what a sealed vault holds of it.

A sealed vault is the tree between two requests, so a part is judged by what
can be seen there at such a moment: that is said at each of them.
"""
import ctypes
import functools
import hashlib
import mmap
import os
import re
import socket
import struct
import time

PAGE = 4096
WORD = struct.Struct("<HHI")
HEAD = re.compile(rb"TZ (\S+) (\d+)\n")


@functools.lru_cache(maxsize=256)
def content(name, version):
    """What name holds at a version: it says so itself.  Up to 40 KB."""
    head = b"TZ %s %d\n" % (name.encode(), version)
    seed = hashlib.shake_128(head)
    return head + seed.digest(int.from_bytes(seed.digest(3), "big") % 40000)


def version_of(name, data):
    """Which version this is, whole; None: none."""
    m = HEAD.match(data)
    if not m or m[1] != name.encode() or data != content(name, int(m[2])):
        return None
    return int(m[2])


def is_begin(name, data):
    """Is it the begin of some version?"""
    m = HEAD.match(data)
    if m:
        return m[1] == name.encode() and content(
            name, int(m[2])).startswith(data)
    start = b"TZ %s " % name.encode()
    return start.startswith(data) or (
        data.startswith(start) and data[len(start):].isdigit())


def write(path, data, pieces=1, flags=os.O_TRUNC, sync=False):
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | flags, 0o600)
    step = max(1, -(-len(data) // pieces))
    for at in range(0, len(data), step):
        os.write(fd, data[at:at + step])
    if sync:
        os.fsync(fd)
    os.close(fd)


class Part:
    """top: its folder in the mount.  files: what a vault has of it, a dict of
    names to bytes (files), "dir", "fifo", or ("link", name)."""
    still = ("aaa", "mmm", "zzz")      # neighbours that never change

    def __init__(self, name):
        self.name = name

    def begin(self, top):
        for n in self.still:
            write(os.path.join(top, n), content(self.name + n, 1))

    def judge(self, files, state):
        """Yields what is wrong; state is a dict that lives as the storm."""
        for n in self.still:
            if files.get(n) != content(self.name + n, 1):
                yield "%s is not what it always was" % n
        yield from self.look({n: f for n, f in files.items()
                              if n not in self.still}, state)

    def newer(self, state, key, version):
        """Generations never go back."""
        old = state.get(key, -1)
        state[key] = version
        if version < old:
            yield "%s goes back from %d to %d" % (key, old, version)


class Replace(Part):
    """Files replaced by a rename, one after the other, all to one version and
    then to the next.  Legal: all are there and whole; the first ones of one
    version, the others of the one before."""
    names = ["w%d" % i for i in range(6)]

    def begin(self, top):
        super().begin(top)
        for n in self.names:
            write(os.path.join(top, n), content(n, 0))

    def storm(self, top, rng, running, _shared):
        version = 0
        while running():
            version += 1
            for n in self.names:
                path = os.path.join(top, n)
                write(path + ".new", content(n, version), rng.randint(1, 4),
                      sync=rng.random() < 0.1)
                os.rename(path + ".new", path)

    def look(self, files, state):
        versions = [version_of(n, files.get(n, b"")) for n in self.names]
        if None in versions:
            yield "not whole: %s" % versions
            return
        # Files that are read back one by one are of different moments.
        if os.environ.get("BACKEND", "fuse") == "fuse" and (
                sorted(versions, reverse=True) != versions or
                versions[0] - versions[-1] > 1):
            yield "not of one moment: %s" % versions
        yield from self.newer(state, "replace", versions[-1])
        for n, data in files.items():
            if n not in self.names and not is_begin(n[:-4], data):
                yield "%s is no begin of a version" % n


class Pages(Part):
    """A file rewritten in place, all its pages by one write.  Legal: whole
    pages; the first ones of one version, the others of the one before."""
    count = 48

    def page(self, i, version):
        data = struct.pack("<4sIQ", b"page", i, version)
        return data + hashlib.shake_128(data).digest(PAGE - len(data))

    def begin(self, top):
        super().begin(top)
        write(os.path.join(top, "file"), self.all(0))

    def all(self, version):
        return b"".join(self.page(i, version) for i in range(self.count))

    def storm(self, top, rng, running, _shared):
        fd = os.open(os.path.join(top, "file"), os.O_RDWR)
        version = 0
        # Without the page cache, a write is cut where pages of memory end.
        memory = mmap.mmap(-1, self.count * PAGE)
        while running():
            version += 1
            memory[:] = self.all(version)
            os.pwrite(fd, memory, 0)
            if rng.random() < 0.05:
                os.fdatasync(fd)

    def look(self, files, state):
        data = files.get("file", b"")
        versions = [struct.unpack_from("<Q", data, i * PAGE + 8)[0]
                    for i in range(len(data) // PAGE)]
        if len(data) != self.count * PAGE or any(
                data[i * PAGE:(i + 1) * PAGE] != self.page(i, v)
                for i, v in enumerate(versions)):
            yield "a page is not whole"
        elif not state.get("unordered") and (
                sorted(versions, reverse=True) != versions
                or versions[0] - versions[-1] > 1):
            yield "not of one moment: %s" % versions
        else:
            yield from self.newer(state, "pages", min(versions))


class Append(Part):
    """Records at the end of a file, which is emptied now and then.  Legal:
    whole records, each the next after the one before; of the last perhaps a
    begin."""

    def storm(self, top, rng, running, _shared):
        version = 0
        fd = os.open(os.path.join(top, "log"),
                     os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        while running():
            if version % 25 == 0:
                os.ftruncate(fd, 0)
            version += 1
            os.write(fd, content("log", version))
            if rng.random() < 0.1:
                os.fsync(fd)

    def is_late(self, data, at, whole):
        """With writeback the kernel may pass on a page while the one before it,
        written to again, has yet to come: that one ends in zeros then."""
        same = len(os.path.commonprefix([data[at:at + len(whole)], whole]))
        page = data[at + same:(at + same) // PAGE * PAGE + PAGE]
        return not page.strip(b"\0")

    def look(self, files, state):
        data = files.get("log", b"")
        last = None
        at = 0
        while at < len(data):
            m = HEAD.match(data, at)
            version = int(m[2]) if m else (last or 0) + 1
            whole = content("log", version)
            if state.get("unordered") and \
                    not whole.startswith(data[at:at + len(whole)]) and \
                    self.is_late(data, at, whole):
                return
            if not m:
                if not is_begin("log", data[at:]):
                    yield "foreign bytes behind record %s" % last
                return
            if last is not None and version != last + 1:
                yield "record %d follows %d" % (version, last)
            last = version
            if not whole.startswith(data[at:at + len(whole)]):
                yield "record %d is damaged" % version
            at += len(whole)
        if last is not None:
            yield from self.newer(state, "log", last)


class Shrink(Part):
    """A large file that shrinks and grows all the time.  Legal: each byte is
    the one of its place, or 0."""
    most = 1 << 20

    @functools.lru_cache(maxsize=1)
    def stream(self):
        return hashlib.shake_128(b"shrink").digest(self.most)

    def storm(self, top, rng, running, _shared):
        fd = os.open(os.path.join(top, "file"), os.O_RDWR | os.O_CREAT, 0o600)
        while running():
            size = os.fstat(fd).st_size
            what = rng.random()
            if what < 0.4 or size == 0:
                os.pwrite(fd, self.stream()[size:], size)
            elif what < 0.9:
                os.ftruncate(fd, rng.randrange(size))
            else:
                os.ftruncate(fd, rng.randrange(self.most))

    def look(self, files, state):
        data = files.get("file", b"")
        good = self.stream()
        for at in range(0, len(data), PAGE):
            got, want = data[at:at + PAGE], good[at:at + PAGE]
            if len(want) < len(got) or (not want.startswith(got) and any(
                    g not in (0, w) for g, w in zip(got, want))):
                yield "foreign bytes at %d of %d" % (at, len(data))
                return


class Vanish(Part):
    """What an editor does: a swap file that comes and goes, a file that is
    only there to see whether it can be made, a backup, the text replaced.
    Legal: the text whole; of the others a begin, or nothing."""

    def begin(self, top):
        super().begin(top)
        write(os.path.join(top, "note"), content("note", 0))

    def storm(self, top, rng, running, _shared):
        swap = os.path.join(top, ".note.swp")
        note = os.path.join(top, "note")
        version = 0
        while running():
            version += 1
            write(swap, content(".note.swp", version), rng.randint(1, 5))
            write(os.path.join(top, "4913"), b"")
            os.unlink(os.path.join(top, "4913"))
            write(note + "~", content("note", version), rng.randint(1, 3))
            os.rename(note + "~", note)
            os.unlink(swap)

    def look(self, files, state):
        version = version_of("note", files.get("note", b""))
        if version is None:
            yield "the text is not whole"
        else:
            yield from self.newer(state, "note", version)
        for name, like in (("note~", "note"), (".note.swp", ".note.swp"),
                           ("4913", None)):
            data = files.get(name, b"")
            if data and (like is None or not is_begin(like, data)):
                yield "%s has foreign bytes" % name
        if not set(files) <= {"note", "note~", ".note.swp", "4913"}:
            yield "unknown names: %s" % sorted(files)


class Move(Part):
    """Files that move between two folders, and two that change places.
    Legal: each there once, and whole."""
    ids = ["i%d" % i for i in range(8)]
    pair = ["x", "y"]

    def begin(self, top):
        super().begin(top)
        for d in ("a", "b"):
            os.mkdir(os.path.join(top, d))
        for n in self.ids:
            write(os.path.join(top, "a", n), content(n, 0))
        for n in self.pair:
            write(os.path.join(top, n), content(n, 0))

    def storm(self, top, rng, running, _shared):
        libc = ctypes.CDLL(None, use_errno=True)
        x, y = (os.path.join(top, n).encode() for n in self.pair)
        where = dict.fromkeys(self.ids, "a")
        while running():
            n = rng.choice(self.ids)
            to = "b" if where[n] == "a" else "a"
            os.rename(os.path.join(top, where[n], n), os.path.join(top, to, n))
            where[n] = to
            if libc.renameat2(-100, x, -100, y, 2) != 0:     # RENAME_EXCHANGE
                raise OSError(ctypes.get_errno(), "RENAME_EXCHANGE")

    def look(self, files, state):
        there = sorted(os.path.basename(n) for n in files if "/" in n)
        if there != sorted(self.ids):
            yield "moving files: %s" % there
        if any(version_of(os.path.basename(n), d) != 0
               for n, d in files.items() if "/" in n):
            yield "a moving file is not whole"
        got = sorted(files.get(n, b"") for n in self.pair)
        if got != sorted(content(n, 0) for n in self.pair):
            yield "of two files that change places one is not there, or whole"


class Links(Part):
    """Names of one file that come, go and take each other's place.  Legal: at
    least one is there; all are links of one another, and whole."""

    def begin(self, top):
        super().begin(top)
        write(os.path.join(top, "one"), content("one", 0))

    def storm(self, top, rng, running, _shared):
        one, two = os.path.join(top, "one"), os.path.join(top, "two")
        while running():
            os.link(one, two)
            if rng.random() < 0.5:
                os.unlink(one)
                os.rename(two, one)
            else:
                os.unlink(two)

    def look(self, files, state):
        names = sorted(files)
        if names not in (["one"], ["two"], ["one", "two"]):
            yield "names: %s" % names
            return
        # Which of them is the link depends on the order of a listing.
        if isinstance(files[names[0]], tuple):
            names.reverse()
        if version_of("one", files[names[0]]) != 0:
            yield "the file is not whole"
        if len(names) == 2 and files[names[1]] != (
                "link", self.name + "/" + names[0]):
            yield "the two are not one file"


class Mapped(Part):
    """A mapped file, written a page at a time.  Legal: every word is of this
    file and this page, at some version."""
    count = 16

    def words(self, i, version):
        return WORD.pack(0x5a54, i, version) * (PAGE // WORD.size)

    def begin(self, top):
        super().begin(top)
        write(os.path.join(top, "file"), b"".join(
            self.words(i, 0) for i in range(self.count)))

    def storm(self, top, rng, running, _shared):
        fd = os.open(os.path.join(top, "file"), os.O_RDWR)
        version = 0
        with mmap.mmap(fd, self.count * PAGE) as m:
            while running():
                version += 1
                for i in range(self.count):
                    m[i * PAGE:(i + 1) * PAGE] = self.words(i, version)
                if rng.random() < 0.05:
                    m.flush()
                time.sleep(0.001)

    def look(self, files, state):
        data = files.get("file", b"")
        if len(data) != self.count * PAGE:
            yield "%d bytes" % len(data)
            return
        for i in range(self.count):
            page = data[i * PAGE:(i + 1) * PAGE]
            if page != page[:WORD.size] * (PAGE // WORD.size) and any(
                    w[:2] != (0x5a54, i) for w in WORD.iter_unpack(page)):
                yield "foreign words in page %d" % i
            elif WORD.unpack_from(page)[:2] != (0x5a54, i):
                yield "page %d is not of this file" % i


class Churn(Part):
    """Folders made, filled, emptied and removed.  Legal: any of them, with
    files that are begins of theirs."""

    def storm(self, top, rng, running, _shared):
        n = 0
        while running():
            n += 1
            folder = os.path.join(top, "d%d" % (n % 5), "deep")
            os.makedirs(folder)
            for i in range(rng.randint(0, 6)):
                write(os.path.join(folder, "f%d" % i), content("f%d" % i, n), 2)
            for name in os.listdir(folder):
                os.unlink(os.path.join(folder, name))
            os.removedirs(folder)

    def look(self, files, state):
        for name, data in files.items():
            if not re.fullmatch(r"d\d/deep/f\d", name) or \
                    not is_begin(os.path.basename(name), data):
                yield "%s has foreign bytes" % name


class Special(Part):
    """Sockets and FIFOs, with nobody at their other end, that stay and that
    come and go.  Legal: FIFOs, the one that stays among them, no sockets."""

    def begin(self, top):
        super().begin(top)
        os.mkfifo(os.path.join(top, "fifo"))
        self.bind(os.path.join(top, "socket"))

    @staticmethod
    def bind(path):
        with socket.socket(socket.AF_UNIX) as s:
            s.bind(path)

    def storm(self, top, rng, running, _shared):
        while running():
            os.mkfifo(os.path.join(top, "fifo2"))
            self.bind(os.path.join(top, "socket2"))
            for name in ("fifo2", "socket2"):
                os.unlink(os.path.join(top, name))

    def look(self, files, state):
        if files not in ({"fifo": "fifo"},
                         {"fifo": "fifo", "fifo2": "fifo"}):
            yield "special files: %s" % files


class Durable(Part):
    """A file replaced and synced.  Legal: a whole version that is not older
    than what had been synced before the vault was looked at."""

    def begin(self, top):
        super().begin(top)
        write(os.path.join(top, "file"), content("durable", 0), sync=True)

    def storm(self, top, rng, running, shared):
        version = 0
        path = os.path.join(top, "file")
        while running():
            version += 1
            write(path + ".new", content("durable", version))
            os.rename(path + ".new", path)
            fd = os.open(path, os.O_RDONLY)
            os.fsync(fd)
            os.close(fd)
            shared.durable = version

    def look(self, files, state):
        version = version_of("durable", files.get("file", b""))
        if version is None:
            yield "not whole"
        else:
            if version < state["synced"]:
                yield "version %d, but %d had been synced" % (
                    version, state["synced"])
            yield from self.newer(state, "durable", version)


ALL = {c.__name__.lower(): c(c.__name__.lower()) for c in (
    Replace, Pages, Append, Shrink, Vanish, Move, Links, Mapped, Churn,
    Special, Durable)}
