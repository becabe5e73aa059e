"""Runs Snakemake on request, each time in a fork of one process that has imported it.

An import of Snakemake takes most of a second, which is most of a dry run. A request is one line of JSON on
standard input (argv, cwd, stdout, stderr); the answer is one line with the exit status. Scripts of rules run in forks
of a second process, which has imported what they need but nothing of the package; that a script runs in a Python of its
own is tested in test_progress_run.py.
"""

import functools
import importlib
import json
import os
import runpy
import signal
import socket
import subprocess
import sys
import types
from pathlib import Path

REPO = Path(__file__).resolve().parents[2]
TIMEOUT_S = 900
"""Of a run that hangs; a busy machine may need minutes for the longest."""

LIBRARIES = (
    "astropy.coordinates",
    "astropy.io.ascii",
    "astropy.io.fits",
    "astropy.table",
    "astropy.wcs.utils",
    "h5py",
    "matplotlib.backends.backend_pdf",
    "matplotlib.pyplot",
    "scipy.interpolate",
    "scipy.ndimage",
    "scipy.optimize",
    "scipy.signal",
    "scipy.sparse.csgraph",
    "scipy.stats",
    "snakemake.iocontainers",
    "yaml",
)
"""What most scripts import, apart from the package itself: a third of the time of a job of a small field."""

PARSED = {}
"""Text of a file of rules to its Python, the map of its lines, and the number of its rules; a fifth of a dry run."""


def parse_rules(parse):
    """Fill `PARSED` with the files of the workflow; those of a copy of the repository are the same until edited."""
    opener = types.SimpleNamespace(open=lambda file: open(file.path, encoding="utf-8"))  # noqa: SIM115
    workflow = types.SimpleNamespace(sourcecache=opener)
    for path in (REPO / "Snakefile", *sorted((REPO / "workflow" / "rules").glob("*.smk"))):
        lines = {}
        code, n_rules = parse(snakemake.sourcecache.LocalSourceFile(str(path)), workflow, lines)
        PARSED[path.read_text(encoding="utf-8")] = (code, lines, n_rules)


def parse_once(parse, path, workflow, linemap, overwrite_shellcmd=None, rulecount=0):
    """As Snakemake's `parse`, which depends on nothing but the text where each rule has a name."""
    with workflow.sourcecache.open(path) as stream:
        known = PARSED.get(stream.read())
    if known is None:
        return parse(path, workflow, linemap, overwrite_shellcmd, rulecount)
    snakemake.parser.Shell.overwrite_cmd = overwrite_shellcmd
    code, lines, n_rules = known
    linemap.update(lines)
    return code, rulecount + n_rules


def run(request, scripts):
    """Be the command ``snakemake`` in this process; does not return."""
    signal.alarm(TIMEOUT_S)
    os.chdir(request["cwd"])
    for descriptor, path in ((1, request["stdout"]), (2, request["stderr"])):
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), descriptor)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    sys.argv = ["snakemake", *request["argv"]]
    snakemake.workflow.parse = functools.partial(parse_once, snakemake.workflow.parse)
    snakemake.script.PythonScript.execute_script = functools.partialmethod(ask_for_script, scripts)
    sys.exit(snakemake.cli.main(request["argv"]))


def ask_for_script(script, scripts, path, edit=False):
    """Have a script run by the process of the scripts; takes the place of a method of Snakemake's `PythonScript`."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.connect(scripts)
        given = {name: value for name, value in os.environ.items() if name.startswith("CLUSTERPHOT_")}
        request = json.dumps({"path": os.path.abspath(path), "cwd": os.getcwd(), "environ": given}).encode()
        socket.send_fds(connection, [request], [1, 2])
        with connection.makefile("r") as answers:
            pid = int(answers.readline())
            if script.bench_record is None:
                answer = answers.readline()
            else:
                with snakemake.benchmark.benchmarked(pid, script.bench_record):
                    answer = answers.readline()
    status = int(answer or 1)
    if status:
        raise subprocess.CalledProcessError(status, f"python {path}")


def serve_scripts(listener):
    """Run each script that is asked for in a fork of this process; does not return."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for those who answer
    for name in LIBRARIES:
        importlib.import_module(name)
    while True:
        connection, _ = listener.accept()
        if not os.fork():
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            content, descriptors, _, _ = socket.recv_fds(connection, 65536, 2)
            child = os.fork()
            if not child:
                connection.close()
                listener.close()
                run_script(json.loads(content), descriptors)
            connection.sendall(f"{child}\n".encode())
            status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
            connection.sendall(f"{status}\n".encode())
            os._exit(0)
        connection.close()


def run_script(request, descriptors):
    """Be ``python path`` in this process; does not return."""
    for number, descriptor in enumerate(descriptors, start=1):
        os.dup2(descriptor, number)
    os.chdir(request["cwd"])
    os.environ.update(request["environ"])
    sys.argv = [request["path"]]
    sys.path[0] = os.path.dirname(request["path"])
    runpy.run_path(request["path"], run_name="__main__")
    sys.exit(0)


def listen(path):
    """Socket at a path, and a process that answers there."""
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(path)
    listener.listen(64)
    child = os.fork()
    if not child:
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        serve_scripts(listener)
    listener.close()
    return child


if __name__ == "__main__":
    (place,) = sys.argv[1:]
    script_server = listen(place)
    import h5py  # noqa: F401
    import jsonschema  # noqa: F401
    import nbformat  # noqa: F401
    import numpy  # noqa: F401
    import pandas  # noqa: F401
    import smart_open  # noqa: F401
    import snakemake.benchmark
    import snakemake.cli
    import snakemake.script

    snakemake.cli.get_argument_parser()  # imports the plugins
    parse_rules(snakemake.workflow.parse)
    for line in sys.stdin:
        child = os.fork()
        if not child:
            run(json.loads(line), place)
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
    os.kill(script_server, signal.SIGTERM)
