"""Run the commands of docs/tutorial-demo.md after `make run`, and write or compare what they print.

`make docs` writes the blocks of output; `make tutorial` compares (``--check``): words exactly, numbers to 5 %, or 0.1
where they are small, since fits differ in their last digits from machine to machine. In the repository itself: what is
made beside `results/` is removed by the last command of the page.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

REPO = Path(__file__).resolve().parents[1]
PAGE = REPO / "docs" / "tutorial-demo.md"
BLOCK = re.compile(r"```bash\n(?P<command>.*?)```\n(?:\n```text\n(?P<output>.*?)```\n)?", re.S)
NUMBER = re.compile(r"[-+]?\d+(?:\.\d+)?(?:e[-+]?\d+)?")
RELATIVE, ABSOLUTE = 0.05, 0.1


def results_are_there():
    """Whether `make run` has been done and would find nothing to do."""
    plan = [REPO / ".venv/bin/snakemake", "--dry-run", "--quiet", "--cores", "1"]
    done = subprocess.run(plan, cwd=REPO, capture_output=True, text=True, check=False)
    return done.returncode == 0 and "Nothing to be done" in done.stdout + done.stderr


def run(command):
    """What a block of commands prints; the first that fails ends it."""
    done = subprocess.run(
        ["bash", "-eu", "-c", command],
        cwd=REPO,
        env=os.environ | {"MAKEFLAGS": "", "MAKELEVEL": "0"},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise SystemExit(
            f"{PAGE.name}: this failed with status {done.returncode}:\n{command}{done.stdout}{done.stderr}"
        )
    return done.stdout


def agree(expected, found):
    """Whether two outputs have the same words, and numbers that are close."""
    if NUMBER.split(expected) != NUMBER.split(found):
        return False
    pairs = zip(NUMBER.findall(expected), NUMBER.findall(found), strict=True)
    return all(abs(float(a) - float(b)) <= max(ABSOLUTE, RELATIVE * abs(float(a))) for a, b in pairs)


def main(*, check):
    """Run all blocks; returns the text of the page with their outputs."""
    if not results_are_there():
        raise SystemExit("The results of `make run` are not there or not up to date: run it first.")
    text = PAGE.read_text(encoding="utf-8")

    def replace(match):
        found = run(match["command"])
        if match["output"] is None:
            return match[0]
        if check and not agree(match["output"], found):
            raise SystemExit(
                f"{PAGE.name}: after\n{match['command']}\nthe page shows\n{match['output']}\n"
                f"but printed was\n{found}\nIf that is right now, `make docs` writes it."
            )
        return f"```bash\n{match['command']}```\n\n```text\n{found}```\n"

    return BLOCK.sub(replace, text)


if __name__ == "__main__":
    check = "--check" in sys.argv
    text = main(check=check)
    if not check:
        PAGE.write_text(text, encoding="utf-8")
