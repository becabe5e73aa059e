#!/usr/bin/env bash
# Tests with the real python-fsps (`make test-fsps`): builds it and its stand-in data in .fsps/, or says why not.
# FSPS_TEST_DATA names the folder with make_sps_home.py; it is not part of the repository.
set -euo pipefail
cd "$(dirname "$0")/.."
data=${FSPS_TEST_DATA:-../shared/fsps}
skip() { echo "tests with the real FSPS skipped: $1"; exit 0; }

[ -f "$data/make_sps_home.py" ] || skip "no make_sps_home.py in $data"
command -v gfortran > /dev/null || skip "no gfortran"
if [ ! -f .fsps/ready ]; then
  rm -rf .fsps && mkdir .fsps
  .venv/bin/python -m venv .fsps/venv
  numpy=$(sed -n 's/^numpy==\([0-9.]*\).*/\1/p' requirements.lock | head -n 1)
  .fsps/venv/bin/python -m pip install --quiet "numpy==$numpy" || skip "numpy cannot be installed"
  FFLAGS="-DMIST=1 -DMILES=0 -DBASEL=1" .fsps/venv/bin/python -m pip install --quiet \
    --no-cache-dir --no-binary fsps fsps==0.4.8 || skip "python-fsps cannot be built"
  .fsps/venv/bin/python "$data/make_sps_home.py" "$PWD/.fsps/home" > /dev/null
  touch .fsps/ready
fi
export CLUSTERPHOT_FSPS_PYTHON=$PWD/.fsps/venv/bin/python SPS_HOME=$PWD/.fsps/home
.venv/bin/python -m pytest -rs -k "real_fsps" tests/unit/ssp/test_readers.py tests/workflow/test_libraries.py
