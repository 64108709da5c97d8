"""A single-node Slurm on loopback in a temporary folder: the scheduler whose time to start a script is the yardstick.
No authentication (auth/none) and settings tuned for a fast start, so that the yardstick is as short as it can be."""

import getpass
import os
import pathlib
import random
import shutil
import signal
import socket
import subprocess
import time

PROGRAMS = ("slurmctld", "slurmd", "sbatch", "srun", "sinfo")
PATIENCE_S = 60

# What the controller's manual offers to start a lone batch job as soon as possible.
SCHEDULER_PARAMETERS = "batch_sched_delay=0,sched_min_interval=0,sched_interval=1,bf_interval=1,default_queue_depth=100"

CONFIGURATION = """\
ClusterName=bench
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={controller}
SlurmdPort={daemon}
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/none
CredType=cred/none
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SwitchType=switch/none
MpiDefault=none
SelectType=select/cons_tres
SchedulerType=sched/backfill
SchedulerParameters={parameters}
PriorityType=priority/basic
AccountingStorageType=accounting_storage/none
JobAcctGatherType=jobacct_gather/none
JobCompType=jobcomp/none
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
MessageTimeout=30
ReturnToService=2
NodeName=bench NodeHostname={host} NodeAddr=127.0.0.1 Port={daemon} CPUs={cores} State=UNKNOWN
PartitionName=all Nodes=bench Default=YES MaxTime=INFINITE State=UP
"""

SCRIPT = "#!/bin/sh\nexec /usr/bin/date +%s%N\n"


class SlurmMissing(Exception):
    """Its packages are not installed."""


class SlurmFailed(Exception):
    """It is there and does not work; the message has the end of its log."""


def free_ports(count):
    probes = [socket.socket() for _ in range(count)]
    try:
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [probe.getsockname()[1] for probe in probes]
    finally:
        for probe in probes:
            probe.close()


class Slurm:
    """Starts on entering and ends on leaving."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.processes = []
        missing = [name for name in PROGRAMS if self.path_of(name) is None]
        if missing:
            raise SlurmMissing(f"{', '.join(missing)} not found: tools/install bench installs Slurm")

    @staticmethod
    def path_of(name):
        return shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/bin")

    def __enter__(self):
        (self.folder / "state").mkdir(parents=True)
        (self.folder / "spool").mkdir()
        controller, daemon = free_ports(2)
        host = socket.gethostname().split(".")[0]
        (self.folder / "slurm.conf").write_text(CONFIGURATION.format(
            host=host, controller=controller, daemon=daemon, user=getpass.getuser(), folder=self.folder,
            cores=len(os.sched_getaffinity(0)), parameters=SCHEDULER_PARAMETERS))
        (self.folder / "script.sh").write_text(SCRIPT)
        try:
            self.start("slurmctld", "-D", "-i")
            self.start("slurmd", "-D", "-N", "bench")
            self.wait_until_idle()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(self, *_):
        for process in reversed(self.processes):
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
        for process in self.processes:
            try:
                process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def environment(self):
        return {**os.environ, "SLURM_CONF": str(self.folder / "slurm.conf")}

    def start(self, name, *arguments):
        log = open(self.folder / f"{name}.out", "ab")
        self.processes.append(subprocess.Popen([self.path_of(name), *arguments], env=self.environment(), stdout=log,
                                               stderr=log, cwd=self.folder))

    def failure(self, what):
        logs = [self.folder / "slurmctld.out", self.folder / "slurmctld.log", self.folder / "slurmd.out",
                self.folder / "slurmd.log"]
        tails = "".join(f"--- {log.name}\n{log.read_text(errors='replace')[-1500:]}" for log in logs if log.exists())
        return SlurmFailed(f"Slurm: {what}\n{tails}")

    def wait_until_idle(self):
        end = time.monotonic() + PATIENCE_S
        while True:
            if any(process.poll() is not None for process in self.processes):
                raise self.failure("a daemon ended")
            done = subprocess.run([self.path_of("sinfo"), "-h", "-o", "%t"], env=self.environment(),
                                  capture_output=True, text=True)
            if done.stdout.strip() == "idle":
                return
            if time.monotonic() > end:
                raise self.failure(f"the node is '{done.stdout.strip()}', not idle, after {PATIENCE_S} s")
            time.sleep(0.1)

    def sbatch_ms(self, number):
        """From the start of the process sbatch to the time that the script wrote."""
        # The controller looks for batch jobs once a second, whatever its settings: come at any moment of that second.
        time.sleep(random.random())
        output = self.folder / f"job-{number}.txt"
        begin = time.time_ns()
        done = subprocess.run([self.path_of("sbatch"), f"--output={output}", str(self.folder / "script.sh")],
                              env=self.environment(), capture_output=True, text=True, cwd=self.folder)
        if done.returncode != 0:
            raise self.failure(f"sbatch: {done.stderr}")
        end = time.monotonic() + PATIENCE_S
        while not (output.exists() and output.read_text().endswith("\n")):
            if time.monotonic() > end:
                raise self.failure(f"job {number} wrote nothing in {PATIENCE_S} s")
            time.sleep(0.01)
        self.wait_until_idle()
        return (int(output.read_text()) - begin) / 1e6

    def srun_ms(self):
        """The same for srun, which asks the controller for nodes at once and starts the program itself."""
        begin = time.time_ns()
        done = subprocess.run([self.path_of("srun"), "/usr/bin/date", "+%s%N"], env=self.environment(),
                              capture_output=True, text=True, cwd=self.folder)
        if done.returncode != 0:
            raise self.failure(f"srun: {done.stderr}")
        self.wait_until_idle()
        return (int(done.stdout) - begin) / 1e6
