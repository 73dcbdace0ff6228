"""Transactions of sqlite, one by one, each reported once COMMIT has returned.

Transaction n inserts rows, sets two of the slots, drops old rows.  All of it
follows from n, so a database can be judged by the last number in it.
"""
import hashlib
import os
import sqlite3
import sys
import time

KEPT = 60       # transactions whose rows are kept
SLOTS = 7
# A journal mode, and what it takes for a commit to be durable on return: one
# that ends with the journal's name gone needs that to be synced, too.
ROLLBACK = [("DELETE", "EXTRA"), ("TRUNCATE", "FULL"), ("PERSIST", "FULL")]
WAL = [("WAL", "FULL")]


def body(n, i):
    """Row i of transaction n: 100 bytes to 8 KiB that do not compress."""
    seed = hashlib.shake_128(b"%d/%d" % (n, i))
    size = 100 + int.from_bytes(seed.digest(2), "big") % 8092
    return seed.digest(size + 2)[2:]


def rows(n):
    return 80 if n % 17 == 0 else 1 + n % 3


def slots(n):
    return {n % SLOTS, (n * n + 3) % SLOTS}


def connect(path, mode):
    db = sqlite3.connect(path, isolation_level=None, timeout=20)
    # Two connections that set up the same database may get in each other's way.
    for left in range(200, -1, -1):
        try:
            got = db.execute("PRAGMA journal_mode=%s" % mode[0]).fetchone()[0]
            break
        except sqlite3.OperationalError as e:
            if left == 0 or "locked" not in str(e):
                raise
            time.sleep(0.01)
    if got.upper() != mode[0]:
        sys.exit("journal_mode=%s is not to be had: %s" % (mode[0], got))
    db.execute("PRAGMA synchronous=%s" % mode[1])
    db.execute("PRAGMA cache_size=-400")     # big transactions spill
    db.execute("PRAGMA wal_autocheckpoint=60")
    db.execute("CREATE TABLE IF NOT EXISTS log(n INTEGER, i INTEGER, "
               "body BLOB, PRIMARY KEY(n, i))")
    db.execute("CREATE TABLE IF NOT EXISTS slot(k INTEGER PRIMARY KEY, "
               "n INTEGER, body BLOB)")
    return db


def last(db):
    return db.execute("SELECT max(n) FROM log").fetchone()[0] or 0


def commit(db, n):
    if n % 11 == 0:      # what is rolled back must never be seen
        db.execute("BEGIN")
        db.executemany("INSERT INTO log VALUES(?, ?, zeroblob(5000))",
                       [(10**9, i) for i in range(100)])
        db.execute("ROLLBACK")
    db.execute("BEGIN IMMEDIATE")
    db.executemany("INSERT INTO log VALUES(?, ?, ?)",
                   [(n, i, body(n, i)) for i in range(rows(n))])
    db.executemany("INSERT OR REPLACE INTO slot VALUES(?, ?, ?)",
                   [(k, n, body(n, 1000 + k)) for k in slots(n)])
    db.execute("DELETE FROM log WHERE n <= ?", (n - KEPT,))
    db.execute("COMMIT")


def judge(db):
    """The last transaction, and all that is wrong with what there is."""
    n = last(db)
    wrong = []
    want = {(m, i) for m in range(max(1, n - KEPT + 1), n + 1)
            for i in range(rows(m))}
    got = set()
    for m, i, data in db.execute("SELECT n, i, body FROM log"):
        got.add((m, i))
        if data != body(m, i):
            wrong.append("row %d of transaction %d is damaged" % (i, m))
    if got != want:
        wrong.append("missing rows %s, too many %s" % (
            sorted(want - got)[:9], sorted(got - want)[:9]))
    slot = {}
    for m in range(1, n + 1) if n < 40 else range(n - 39, n + 1):
        slot.update((k, m) for k in slots(m))
    for k, m, data in db.execute("SELECT k, n, body FROM slot"):
        if m != slot.get(k, m):
            wrong.append("slot %d is of transaction %d, not %d" % (
                k, m, slot[k]))
        if data != body(m, 1000 + k):
            wrong.append("slot %d is damaged" % k)
    return n, wrong


class Work:
    def __init__(self, modes):
        self.modes = modes

    def workers(self, _sync):
        found = [("sqlite", self.write)]
        if self.modes is WAL:        # two processes share the index in memory
            found.append(("reader", self.read))
        return found

    def write(self, top, report, rng):
        db = connect(os.path.join(top, "db"), rng.choice(self.modes))
        n = last(db)
        while True:
            n += 1
            commit(db, n)
            report(n)

    def read(self, top, report, rng):
        db = connect(os.path.join(top, "db"), self.modes[0])
        n = 0
        while True:
            db.execute("BEGIN")
            seen, wrong = judge(db)
            db.execute("COMMIT")
            if wrong or seen < n:
                sys.exit("a reader beside the writer: %d after %d: %s" % (
                    seen, n, wrong))
            n = seen
            report(n)

    def check(self, top, reported, _sync):
        """What is wrong below top, and the state that each worker is at."""
        path = os.path.join(top, "db")
        if not os.path.exists(path) and reported["sqlite"] == 0:
            return [], {}
        db = sqlite3.connect(path, isolation_level=None, timeout=20)
        try:
            wrong = [r[0] for r in db.execute("PRAGMA integrity_check")
                     if r[0] != "ok"]
            if not db.execute("SELECT 1 FROM sqlite_master WHERE name='slot'"
                              ).fetchone() and reported["sqlite"] == 0:
                return wrong, {}
            n, more = judge(db)
        finally:
            db.close()
        wrong += more
        if not reported["sqlite"] <= n <= reported["sqlite"] + 1:
            wrong.append("the last transaction is %d, reported was %d" % (
                n, reported["sqlite"]))
        return wrong, {"sqlite": n}
