"""PostgreSQL 15 as a ledger in a temporary cluster on a unix socket: double entry with idempotency keys and a check of
every balance, one transfer a transaction and thousands a transaction. Durable, otherwise tuned as its manual advises."""

import os
import pathlib
import pwd
import re
import shutil
import subprocess
import tempfile

ACCOUNTS = 100_000
CLIENTS = 4
BATCH = 8_192
VERSION = "15"

SETTINGS = {
    "synchronous_commit": "on", "fsync": "on", "wal_sync_method": "fdatasync", "full_page_writes": "on",
    "shared_buffers": "1GB", "wal_buffers": "64MB", "min_wal_size": "2GB", "max_wal_size": "8GB",
    "checkpoint_timeout": "30min", "wal_level": "minimal", "max_wal_senders": "0", "wal_compression": "off",
    "autovacuum": "on", "work_mem": "64MB", "jit": "off", "listen_addresses": "", "max_connections": "20",
    "huge_pages": "try", "commit_delay": "0", "track_activities": "off", "wal_recycle": "on", "wal_init_zero": "on",
}

SCHEMA = f"""
create table accounts (id int primary key, balance bigint not null check (balance >= 0)) with (fillfactor = 50);
create table transfers (id bigint primary key, debit int not null, credit int not null check (credit <> debit),
                        amount bigint not null check (amount > 0));
create sequence ids cache 1000;
insert into accounts select n, 1000000000 from generate_series(1, {ACCOUNTS}) n;
create function transfer(key bigint, a int, b int, sum bigint) returns void language plpgsql as $$
begin
  insert into transfers values (key, a, b, sum);
  if a < b then
    update accounts set balance = balance - sum where id = a;
    update accounts set balance = balance + sum where id = b;
  else
    update accounts set balance = balance + sum where id = b;
    update accounts set balance = balance - sum where id = a;
  end if;
end $$;
vacuum analyze accounts;
checkpoint;
"""

# The key comes from a sequence: cheaper for an index than a random one.
SINGLE = f"""\\set a random(1, {ACCOUNTS})
\\set b 1 + (:a + random(0, {ACCOUNTS} - 2)) % {ACCOUNTS}
\\set sum random(1, 1000)
select transfer(nextval('ids'), :a, :b, :sum);
"""

# Each client has accounts of its own, so that none waits for another's locks; the rows are made in the server, so that
# none is sent, read and parsed.
BATCH_SQL = f"""\\set width {ACCOUNTS} / {CLIENTS}
\\set first :client_id * :width + 1
with t as materialized (
  select nextval('ids') id, a debit, :first + (a - :first + 1 + floor(random() * (:width - 1))::int) % :width credit, sum
  from (select :first + floor(random() * :width)::int a, 1 + floor(random() * 1000)::bigint sum
        from generate_series(1, {BATCH})) x),
kept as (insert into transfers select id, debit, credit, sum from t),
net as (select account, sum(delta)::bigint delta
        from (select debit account, -sum delta from t union all select credit, sum from t) y group by account)
update accounts set balance = balance + net.delta from net where id = net.account;
"""


class Missing(Exception):
    """PostgreSQL is not on this machine."""


def binaries():
    folder = pathlib.Path("/usr/lib/postgresql") / VERSION / "bin"
    if not (folder / "postgres").exists() or not (folder / "pgbench").exists():
        raise Missing(f"PostgreSQL {VERSION} is not here: apt-get install postgresql-{VERSION}")
    return folder


class Cluster:
    """A cluster in a folder of its own; ends with `stop`. PostgreSQL does not run as root: then it runs as nobody."""

    def __init__(self):
        self.bin = binaries()
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="starminer-postgres-", dir="/var/tmp"))
        self.prefix = []
        if os.geteuid() == 0:
            nobody = pwd.getpwnam("nobody")
            os.chown(self.folder, nobody.pw_uid, nobody.pw_gid)
            self.prefix = ["setpriv", f"--reuid={nobody.pw_uid}", f"--regid={nobody.pw_gid}", "--clear-groups"]

    def run(self, program, *arguments, text=None):
        done = subprocess.run([*self.prefix, str(self.bin / program), *map(str, arguments)], input=text, text=True,
                              capture_output=True, cwd=self.folder)
        if done.returncode != 0:
            raise RuntimeError(f"{program} ended with {done.returncode}: {done.stdout[-1500:]}{done.stderr[-1500:]}")
        return done.stdout

    def start(self):
        data = self.folder / "data"
        self.run("initdb", "-D", data, "-U", "bench", "-A", "trust", "-E", "UTF8", "--locale=C")
        with open(data / "postgresql.conf", "a") as file:
            file.writelines(f"{name} = '{value}'\n" for name, value in SETTINGS.items())
        self.run("pg_ctl", "-D", data, "-w", "-l", self.folder / "log", "-o", f"-k {self.folder}", "start")
        self.run("psql", "-h", self.folder, "-U", "bench", "-d", "postgres", "-v", "ON_ERROR_STOP=1", "-q", text=SCHEMA)

    def transactions_per_s(self, script, clients, seconds):
        file = self.folder / "script.sql"
        file.write_text(script)
        file.chmod(0o644)
        out = self.run("pgbench", "-n", "-M", "prepared", "-h", self.folder, "-U", "bench", "-c", clients,
                       "-j", min(clients, 2), "-T", seconds, "-f", file, "postgres")
        failed = re.search(r"number of failed transactions: (\d+)", out)
        if failed and int(failed[1]) > 0:
            raise RuntimeError(f"{failed[1]} transactions of PostgreSQL failed")
        return float(re.search(r"tps = ([\d.]+)", out)[1])

    def stop(self):
        if (self.folder / "data" / "postmaster.pid").exists():
            self.run("pg_ctl", "-D", self.folder / "data", "-m", "immediate", "stop")
        shutil.rmtree(self.folder, ignore_errors=True)


def described():
    return ", ".join(f"{name}={value}" for name, value in sorted(SETTINGS.items()) if value)
