"""A private SLURM of one node, on the loopback interface, for tests: nothing outside its folder is touched."""

import contextlib
import os
import pwd
import re
import secrets
import shutil
import socket
import subprocess
import time
from pathlib import Path

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "squeue", "scontrol", "sinfo", "srun", "scancel")
CLIENTS = ("srun", "sbatch", "squeue", "scancel", "sinfo", "scontrol", "sacct", "sacctmgr", "sshare")
CONFIGURATION = """\
ClusterName=lab
SlurmctldHost={host}(127.0.0.1)
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/munge
AuthInfo=socket={folder}/run/munge.sock
CryptoType=crypto/munge
SlurmctldPort={port}
SlurmdPort={port_of_node}
CommunicationParameters=NoAddrCache,NoInAddrAny,NoCtldInAddrAny
SlurmctldPidFile={folder}/run/slurmctld.pid
SlurmdPidFile={folder}/run/slurmd.pid
SlurmctldLogFile={folder}/log/slurmctld.log
SlurmdLogFile={folder}/log/slurmd.log
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SwitchType=switch/none
MpiDefault=none
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=task=1
JobAcctGatherParams=OverMemoryKill
JobCompType=jobcomp/filetxt
JobCompLoc={folder}/log/jobcomp.txt
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU_Memory
SchedulerType=sched/backfill
SchedulerParameters=sched_min_interval=50000,batch_sched_delay=0,bf_interval=5
AccountingStorageType=accounting_storage/none
MinJobAge=600
KillWait=5
ReturnToService=2
SlurmdParameters=config_overrides
NodeName={host} NodeAddr=127.0.0.1 CPUs=6 RealMemory={memory_mb} State=UNKNOWN
PartitionName=short Nodes=ALL Default=YES MaxTime=600 DefMemPerCPU=500 State=UP
"""
GUARDED = """\
JobSubmitPlugins=lua
PartitionName=guarded Nodes=ALL Default=NO MaxTime=600 DefMemPerCPU=500 State=UP
"""
GUARD = """\
function slurm_job_submit(request, partitions, user_id)
  if request.partition == "guarded" and request.account ~= "astro" then
    return 2045  -- ESLURM_INVALID_ACCOUNT
  end
  return slurm.SUCCESS
end
function slurm_job_modify(request, record, partitions, user_id)
  return slurm.SUCCESS
end
"""
"""Accounts are kept by a database that a test cannot have; a partition that insists on one can be had without."""

LONGEST_S = 2400
"""Time (s) after which a run on SLURM counts as hung; the shipped fields have taken more than 900 on a slow machine."""


def missing_programs():
    """Programs of SLURM that are not installed."""
    path = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/sbin"])
    return [name for name in PROGRAMS if shutil.which(name, path=path) is None]


class Lab:
    """One node with six cores, whatever the machine has, and the partitions ``short`` and ``guarded``.

    Parameters
    ----------
    folder : Path
        Gets keys, state and logs.
    """

    def __init__(self, folder):
        self.folder = folder
        for name in ("state", "spool", "log", "run", "munge", "bin"):
            (folder / name).mkdir(parents=True)
        (folder / "munge").chmod(0o700)
        folder.chmod(0o755)
        self.environment = {
            **os.environ,
            "SLURM_CONF": str(folder / "slurm.conf"),
            "PATH": os.pathsep.join([str(folder / "bin"), os.environ["PATH"], "/usr/sbin", "/sbin"]),
        }
        try:
            self._start()
        except BaseException:
            self.stop()
            raise

    def ask(self, *command):
        """Standard output of a command of SLURM."""
        done = subprocess.run(command, env=self.environment, capture_output=True, text=True, check=False)
        return done.stdout

    def jobs(self, *options):
        """Ids of the jobs in the queue."""
        return self.ask("squeue", "--noheader", "--format=%A", *options).split()

    def finished(self):
        """State and memory of each job that is over, in order."""
        return re.findall(r" JobState=(\S+) .*? Tres=\S*\bmem=([^,]+),", self._record())

    @property
    def n_submitted(self):
        """Number of jobs submitted since the start."""
        return len({*re.findall(r"^JobId=(\d+) ", self._record(), re.MULTILINE), *self.jobs()})

    def _record(self):
        """What SLURM wrote down of the jobs that are over, one a line."""
        path = self.folder / "log" / "jobcomp.txt"
        return path.read_text() if path.exists() else ""

    def stop(self):
        """Cancel all jobs and end the daemons, by their process ids."""
        self.ask("scancel", "--user", pwd.getpwuid(os.getuid()).pw_name)
        time.sleep(0.5)
        for name in ("slurmd", "slurmctld", "munged"):
            with contextlib.suppress(OSError, ValueError):
                process_id = int((self.folder / "run" / f"{name}.pid").read_text())
                os.kill(process_id, 15)
                wait_for(lambda number=process_id: not Path(f"/proc/{number}").exists(), seconds=15)

    def _start(self):
        """Write keys, configuration and the clients' shims; start the daemons and wait for the node."""
        folder = self.folder
        key = folder / "munge" / "key"
        key.write_bytes(secrets.token_bytes(1024))
        key.chmod(0o400)
        self._run(
            "munged", "--force", f"--key-file={key}", f"--socket={folder}/run/munge.sock",
            f"--seed-file={folder}/munge/seed", f"--pid-file={folder}/run/munged.pid",
            f"--log-file={folder}/munge/munged.log",
        )  # fmt: skip
        found = subprocess.run(["slurmd", "-C"], env=self.environment, capture_output=True, text=True)
        port, port_of_node = free_ports()
        text = CONFIGURATION.format(
            host=socket.gethostname().split(".")[0],
            user=pwd.getpwuid(os.getuid()).pw_name,
            folder=folder,
            port=port,
            port_of_node=port_of_node,
            memory_mb=int(re.search(r"RealMemory=(\d+)", found.stdout)[1]),
        )
        self.can_guard = any(Path("/usr/lib").glob("*/slurm*/job_submit_lua.so"))
        if self.can_guard:
            text += GUARDED
            (folder / "job_submit.lua").write_text(GUARD)
        (folder / "slurm.conf").write_text(text)
        # Snakemake removes SLURM_CONF from the environment inside of jobs.
        for name in CLIENTS:
            shim = folder / "bin" / name
            shim.write_text(f'#!/bin/sh\nSLURM_CONF={folder}/slurm.conf exec {shutil.which(name)} "$@"\n')
            shim.chmod(0o755)
        self._run("slurmctld", "-f", str(folder / "slurm.conf"), "-c")
        self._run("slurmd", "-f", str(folder / "slurm.conf"), "-N", socket.gethostname().split(".")[0])
        assert wait_for(lambda: "idle" in self.ask("sinfo", "--noheader", "--format=%T"), seconds=30), (
            folder / "log" / "slurmctld.log"
        ).read_text()[-2000:]

    def _run(self, *command):
        """Run a program that becomes a daemon; it keeps its standard streams, which must not be those of the tests."""
        with open(self.folder / "log" / f"{command[0]}.start", "w") as log:
            subprocess.run(
                command,
                env=self.environment,
                check=True,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                timeout=60,
            )


def free_ports():
    """Two ports that nobody listens on, chosen by the system: other labs of this machine get others."""
    with socket.socket() as one, socket.socket() as other:
        for end in (one, other):
            end.bind(("127.0.0.1", 0))
        return one.getsockname()[1], other.getsockname()[1]


def wait_for(condition, *, seconds):
    """Wait until a condition holds; whether it did in time."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.1)
    return False
