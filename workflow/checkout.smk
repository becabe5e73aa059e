"""The workflow as a folder, also where a `module` statement names it by a git address.

Inputs: a repository at a tag or commit. Outputs: .snakemake/clusterphot/<commit>/ in the working directory.
Rules: none.

Snakemake fetches rule files and drivers from git one by one. Drivers import the package beside them and rules read
resources/ and envs/, so all of them are needed on disk; jobs on a cluster find them in the working directory.
"""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from snakemake.exceptions import WorkflowError
from snakemake.sourcecache import HostingProviderFile, LocalGitFile

PARTS = ("Snakefile", "workflow", "config", "resources", "envs")
"""What a run needs of the repository."""


def whole_workflow(basedir):
    """Path of the Snakefile of the workflow, whose folder has everything that belongs to it.

    Parameters
    ----------
    basedir : `snakemake.sourcecache.SourceFile`
        Folder of the Snakefile that the user named.
    """
    if isinstance(basedir, HostingProviderFile):
        repository = str(basedir.hosted_repo.repo_clone)
    elif isinstance(basedir, LocalGitFile):
        repository = str(basedir.repo_path)
    else:
        return str(Path(str(basedir)).resolve().parent / "Snakefile")
    git = ["git", "-C", repository]
    named = [*git, "rev-parse", "--verify", "--end-of-options", f"{basedir.ref}^{{commit}}"]
    commit = subprocess.run(named, check=True, capture_output=True, text=True).stdout.strip()
    folder = Path(".snakemake", "clusterphot", commit).absolute()
    if not folder.is_dir():
        folder.parent.mkdir(parents=True, exist_ok=True)
        partial = tempfile.mkdtemp(prefix=f"{commit}.", dir=folder.parent)
        archive = subprocess.run([*git, "archive", commit, *PARTS], check=True, capture_output=True).stdout
        subprocess.run(["tar", "-x", "-C", partial], check=True, input=archive)
        try:
            os.rename(partial, folder)
        except OSError:  # another process was first
            shutil.rmtree(partial)
    return str(folder / "Snakefile")
