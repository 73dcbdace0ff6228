#!/usr/bin/python3
"""Change a mounted vault as fast as it goes, and judge every vault sealed.

    storm.py PARTS SECONDS SEED VAULT PASSFILE DIR [unordered]

PARTS: names of parts.py with commas between, or "all".  VAULT is mounted at
DIR.  Each sealed vault that is seen in its place gets a second name, is opened
by a reader that is not tazpod's, and judged.  TAZPOD is the program.
unordered: pages reach the daemon in any order (writeback).
"""
import io
import mmap
import os
import random
import struct
import subprocess
import sys
import tarfile
import time
import zlib

import parts

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                ".."))
import forge

BACKLOG = 200       # vaults that wait to be judged


class Shared:
    """What all processes see: whether to stop, what was synced, how many
    saves there were."""

    def __init__(self):
        self.map = mmap.mmap(-1, 4096)

    def slot(self, at):
        return struct.unpack_from("<Q", self.map, at)[0]

    @property
    def durable(self):
        return self.slot(8)

    @durable.setter
    def durable(self, n):
        struct.pack_into("<Q", self.map, 8, n)

    def add(self, at):
        struct.pack_into("<Q", self.map, at, self.slot(at) + 1)

    def stop(self):
        self.map[0] = 1

    def running(self):
        return self.map[0] == 0


def unpack(vault, password):
    """What is in a vault: names to what parts.Part says.  Raises ValueError,
    or others, if anything of it is not whole."""
    plain = forge.unseal(vault, password)
    inflate = zlib.decompressobj(31)
    tar = inflate.decompress(plain)
    if not inflate.eof or inflate.unused_data:
        raise ValueError("the gzip is not one whole member")
    found = {}
    with tarfile.open(fileobj=io.BytesIO(tar), mode="r:", errorlevel=2) as t:
        for m in t:
            name = m.name.rstrip("/")
            if name in found:
                raise ValueError("%s is there twice" % name)
            if m.isdir():
                found[name] = "dir"
            elif m.islnk():
                found[name] = ("link", m.linkname)
            elif m.isfifo():
                found[name] = "fifo"
            elif m.isreg():
                data = t.extractfile(m).read()
                if len(data) != m.size:
                    raise ValueError("%s ends early" % name)
                found[name] = data
            else:
                raise ValueError("%s is of type %r" % (name, m.type))
        end = t.offset
    if tar[end:] != bytes(1024):
        raise ValueError("no end, or something behind it")
    return found


def judge(chosen, vault, password, state):
    try:
        found = unpack(vault, password)
    except Exception as e:
        return ["it does not open: %r" % e]
    wrong = []
    for name, part in chosen.items():
        files = {n[len(name) + 1:]: f for n, f in found.items()
                 if n.startswith(name + "/") and f != "dir"}
        wrong += ["%s: %s" % (name, w) for w in part.judge(files, state)]
    return wrong


def collect(vault, waiting, shared):
    """Give each vault that is seen a second name, with what was synced before
    that: the vault has to hold it."""
    seen, number = 0, 0
    while shared.running():
        durable = shared.durable
        inode = os.stat(vault).st_ino
        if inode == seen:
            continue
        temp = os.path.join(waiting, "new")
        try:
            os.link(vault, temp)
        except FileNotFoundError:       # replaced between two steps of link(2)
            continue
        seen = os.stat(temp).st_ino
        number += 1
        os.rename(temp, os.path.join(waiting, "%08d-%d" % (number, durable)))
        while len(os.listdir(waiting)) > BACKLOG and shared.running():
            time.sleep(0.01)


def check(chosen, waiting, password, shared, state):
    """Judge what is collected until there is no more."""
    count = 0
    while True:
        last = not shared.running()
        names = sorted(n for n in os.listdir(waiting) if n != "new")
        if last and not names:
            return count
        for name in names:
            path = os.path.join(waiting, name)
            with open(path, "rb") as f:
                vault = f.read()
            state["synced"] = int(name.split("-")[1])
            wrong = judge(chosen, vault, password, state)
            if wrong:
                shared.stop()
                sys.exit("vault %s: %s" % (name, "; ".join(wrong[:5])))
            os.unlink(path)
            count += 1
        if not names:
            time.sleep(0.005)


def save(folder, shared, rng):
    while shared.running():
        subprocess.run([os.environ["TAZPOD"], "save", "-q", folder],
                       stdin=subprocess.DEVNULL, timeout=30, check=True)
        shared.add(16)
        time.sleep(rng.uniform(0, 0.1))


def fork(shared, fn, *args):
    pid = os.fork()
    if pid != 0:
        return pid
    try:
        fn(*args)
        os._exit(0)
    except BaseException as e:
        print("%s: %r" % (fn.__qualname__, e), flush=True)
        shared.stop()
    os._exit(1)


def main(names, seconds, seed, vault, passfile, folder, *words):
    chosen = {n: parts.ALL[n] for n in (
        parts.ALL if names == "all" else names.split(","))}
    shared = Shared()
    waiting = vault + ".waiting"
    os.mkdir(waiting)
    for name, part in chosen.items():
        os.makedirs(os.path.join(folder, name), exist_ok=True)
        part.begin(os.path.join(folder, name))
    subprocess.run([os.environ["TAZPOD"], "save", "-q", folder], check=True)
    password = forge.passphrase(passfile)
    pids = [fork(shared, collect, vault, waiting, shared),
            fork(shared, save, folder, shared, random.Random(seed))]
    for name, part in chosen.items():
        pids.append(fork(shared, part.storm, os.path.join(folder, name),
                         random.Random(seed + name), shared.running, shared))
    timer = fork(shared, lambda: (time.sleep(float(seconds)), shared.stop()))
    count = check(chosen, waiting, password, shared,
                  {"unordered": "unordered" in words})
    pids.append(timer)
    if any([os.waitpid(p, 0)[1] != 0 for p in pids]):
        sys.exit("something of the storm failed")
    # And the last one, in which nothing moves any more.
    subprocess.run([os.environ["TAZPOD"], "save", "-q", folder], check=True)
    with open(vault, "rb") as f:
        wrong = judge(chosen, f.read(), password, {"synced": shared.durable})
    if wrong or count == 0:
        sys.exit("the last vault of %d: %s" % (count, wrong))
    print("%d vaults judged, %d saves, %d syncs" % (
        count, shared.slot(16), shared.durable))


if __name__ == "__main__":
    main(*sys.argv[1:])
