#!/usr/bin/python3
"""Kill the daemon while it saves, again and again; the vault is never empty,
nor short, nor gone, and opens each time.

    crash.py ROUNDS SEED VAULT PASSFILE DIR

A process looks at the vault all the time: whichever file has its name must
begin as a vault does and be as long as what the vault holds needs.  After each
round a reader that is not tazpod's opens it.  TAZPODFS and TAZPOD are the
programs.
"""
import os
import random
import signal
import subprocess
import sys
import time

import storm

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                "..", "rounds"))
import rounds

SIZE = 200000


def watch(vault, shared):
    while shared.running():
        with open(vault, "rb") as f:        # gone: FileNotFoundError
            size = os.fstat(f.fileno()).st_size
            begin = f.read(8)
        if size < SIZE or begin != b"TAZPOD2\n":
            raise ValueError("%d bytes, %r..." % (size, begin))
        shared.add(24)


def keep_saving(folder):
    # By name it would be the folder below, once the mount is gone.
    os.chdir(folder)
    n = 0
    while True:
        n += 1
        try:
            with open("number", "w", encoding="ascii") as f:
                f.write("%d\n" % n)
        except OSError:
            return
        if subprocess.run([os.environ["TAZPOD"], "save", "-q", folder],
                          stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                          timeout=30, check=False).returncode != 0:
            return


def main(count, seed, vault, passfile, folder):
    rng = random.Random(seed)
    mount = rounds.Mount(vault, passfile, folder)
    fill = os.urandom(SIZE)
    password = storm.forge.passphrase(passfile)
    shared = storm.Shared()
    mount.start("")
    storm.parts.write(os.path.join(folder, "fill"), fill)
    mount.lock()
    watcher = storm.fork(shared, watch, vault, shared)
    within = 0
    for number in range(1, int(count) + 1):
        mount.start("")
        saver = storm.fork(shared, keep_saving, folder)
        rounds.await_moment(mount, rng)
        mount.kill()
        within += os.path.exists(mount.temp)
        end = time.monotonic() + 30
        while os.waitpid(saver, os.WNOHANG)[0] == 0:
            if time.monotonic() > end:
                os.kill(saver, signal.SIGKILL)
                sys.exit("a save hangs")
            time.sleep(0.005)
        mount.await_keeper()
        if not shared.running():
            sys.exit("the vault was not whole at every moment")
        with open(vault, "rb") as f:
            found = storm.unpack(f.read(), password)
        if found.get("fill") != fill:
            sys.exit("round %d: not all is there" % number)
    shared.stop()
    os.waitpid(watcher, 0)
    print("%d rounds, %d of them within a seal; looked at %d times" % (
        int(count), within, shared.slot(24)))


if __name__ == "__main__":
    main(*sys.argv[1:])
