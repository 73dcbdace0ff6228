#!/usr/bin/python3
"""Damage a vault in every place, and see what tazpodfs says of each copy.

    sweep.py flip|cut VAULT PASSFILE TAZPODFS WORKFOLDER

flip changes one bit of each byte, cut keeps fewer bytes: every number up to
150, and some of those beyond.
Prints a line for each copy that was not refused as it should be, and at last
how many were tried.
"""
import concurrent.futures
import os
import queue
import subprocess
import sys
import time

LIMIT = 20


def flips(data):
    for at in range(len(data)):
        copy = bytearray(data)
        copy[at] ^= 1 << at % 8
        yield "bit %d of byte %d" % (at % 8, at), bytes(copy), (3, 4)


def cuts(data):
    end = len(data)
    for n in range(end):
        if n <= 150 or n % 7 == 0 or n >= end - 17:
            yield "%d bytes" % n, data[:n], (4,)


def check(place, data, codes, passfile, program):
    """What is wrong with how this copy is refused; None: nothing."""
    vault, mount = place + "/d/vault", place + "/m"
    with open(vault, "wb") as f:
        f.write(data)
    start = time.monotonic()
    try:
        p = subprocess.run([program, "-o", "passfile=" + passfile, vault,
                            mount], stdin=subprocess.DEVNULL, timeout=LIMIT,
                           stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    except subprocess.TimeoutExpired:
        return "takes too long"
    took, said = time.monotonic() - start, p.stdout + p.stderr
    if os.path.ismount(mount):
        subprocess.run(["umount", mount])
        return "was mounted"
    if p.returncode not in codes:
        return "status %d: %r" % (p.returncode, said)
    if not said.startswith(b"tazpodfs: " + vault.encode()) or \
            said.count(b"\n") != 1:
        return "says %r" % said
    if took > LIMIT / 2:
        return "takes %.1f s" % took
    with open(vault, "rb") as f:
        if f.read() != data:
            return "was changed"
    if set(os.listdir(place + "/d")) - {"vault", ".vault.lock"}:
        return "left %s" % os.listdir(place + "/d")
    return None


def main(kind, vault, passfile, program, folder):
    with open(vault, "rb") as f:
        data = f.read()
    places = queue.Queue()
    workers = min(8, len(os.sched_getaffinity(0)) + 1)
    for n in range(workers):
        os.makedirs("%s/%d/d" % (folder, n))
        os.makedirs("%s/%d/m" % (folder, n))
        places.put("%s/%d" % (folder, n))

    def one(case):
        place = places.get()
        try:
            return case[0], check(place, case[1], case[2], passfile, program)
        finally:
            places.put(place)

    cases = list(flips(data) if kind == "flip" else cuts(data))
    with concurrent.futures.ThreadPoolExecutor(workers) as pool:
        for name, problem in pool.map(one, cases):
            if problem is not None:
                print("%s: %s" % (name, problem))
    print("tried", len(cases))


main(*sys.argv[1:])
