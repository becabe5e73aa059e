"""Snakemake that looks at its SLURM jobs every second, for tests: the plugin looks after 2, 12, 22, ... seconds."""

import asyncio

from snakemake.cli import main
from snakemake_interface_executor_plugins.executors.remote import RemoteExecutor


async def short_sleep(self):
    """The time between two looks."""
    await asyncio.sleep(1)


if __name__ == "__main__":
    RemoteExecutor.sleep = short_sleep
    main()
