# Commands for people: `make run` and `make test` need Python >= 3.11, git and make, nothing else.

PYTHON ?= $(firstword $(foreach p,python3 python3.14 python3.13 python3.12 python3.11,$(shell $(p) -c 'import sys; sys.version_info >= (3, 11) and print("$(p)")' 2>/dev/null)))
BIN := .venv/bin
READY := .venv/.ready
CORES ?= all
# Where the user stands: with `make -C repo` not in the repository (then, and only then, make says "Entering directory").
HERE := $(if $(findstring w,$(firstword -$(MAKEFLAGS))),$(or $(PWD),$(CURDIR)),$(CURDIR))
BENCH_DIR ?= .bench-scale
ifneq ($(words $(CURDIR)),1)
$(error The folder of the workflow has a space in its path: $(CURDIR). Snakemake cannot start jobs from there; move the folder)
endif
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export MPLBACKEND := Agg
export PYTHONUTF8 := 1
export OMP_NUM_THREADS := 1
export OPENBLAS_NUM_THREADS := 1

.PHONY: help setup run test test-slow test-fsps test-slurm lint format bench bench-scale docs docs-code tutorial lock clean
.PHONY: bench-recovery bench-phase bench-stack bench-spatial bench-proof bench-psf bench-detection
.PHONY: bench-detection-scale docs-luminosity docs-stack
.DEFAULT_GOAL := help

help:  ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1\t\2/p' $(MAKEFILE_LIST) | expand -t 24

setup: $(READY)  ## make .venv from requirements.lock

$(READY): requirements.lock
	@test -n "$(PYTHON)" || { echo "clusterphot needs Python >= 3.11 on the PATH; name one with make PYTHON=..."; exit 1; }
	@test ! -L .venv || { echo ".venv is a link to $$(readlink .venv), older than requirements.lock: make it anew there"; exit 1; }
	$(PYTHON) -m venv --clear .venv || { echo "On Debian and Ubuntu: apt-get install python3-venv"; exit 1; }
	@echo "Installing $$(grep -c == requirements.lock) packages into .venv: two minutes and more without a word, some 700 MB"
	$(BIN)/python -m pip install --quiet --require-hashes --requirement requirements.lock
	@touch $(READY)

# Plugins of Snakemake in workflow/plugins tell the run in plain words, and run a job in a debugger; they use the package.
PLUGINS := PYTHONPATH="$(CURDIR)/workflow/plugins:$(CURDIR)/workflow/scripts$${PYTHONPATH:+:$$PYTHONPATH}"
WHERE := $(if $(CONFIG),--configfile "$(CONFIG)" --directory "$(or $(DIRECTORY),$$(dirname "$(CONFIG)"))")

# Snakemake and astropy keep caches in the home folder; where none can be written (containers, service accounts), elsewhere.
CACHED := c="$${XDG_CACHE_HOME:-$$HOME/.cache}"; { mkdir -p "$$c" && test -w "$$c"; } 2>/dev/null || \
  { XDG_CACHE_HOME="$${TMPDIR:-/tmp}/clusterphot-cache-$$(id -u)"; mkdir -p "$$XDG_CACHE_HOME/astropy"; export XDG_CACHE_HOME; }

SEEN := { test -z "$(CONFIG)" || test -f "$(CONFIG)" || { echo "$(CONFIG): no such file in $(HERE); CONFIG names a configuration, and make new writes one"; exit 1; }; } && \
  { test -z "$(CONFIG)" || "$(CURDIR)/$(BIN)/python" "$(CURDIR)/workflow/scripts/read_config.py" "$(CONFIG)"; }

# CONFIG=my.yaml runs a configuration of one's own, in its folder or in DIRECTORY; ARGS are more options of snakemake.
run: $(READY)  ## all fields, from mosaics to figures: make run [CONFIG=my.yaml [DIRECTORY=run]] [CORES=n] [ARGS=...]
	@$(CACHED); cd "$(if $(CONFIG),$(HERE),$(CURDIR))" && \
	  $(SEEN) && \
	  $(PLUGINS) "$(CURDIR)/$(BIN)/snakemake" --snakefile "$(CURDIR)/Snakefile" --logger clusterphot \
	  --cores $(CORES) $(WHERE) $(ARGS)

.PHONY: plan
plan: $(READY)  ## what a run would do and why, without doing it: make plan [CONFIG=my.yaml [DIRECTORY=run]] [ARGS=target]
	@$(MAKE) --no-print-directory run HERE="$(HERE)" CORES=1 ARGS="--dry-run $(ARGS)"

.PHONY: debug
debug: $(READY)  ## the job behind a result in pdb, the result left as it is: make debug FILE=results/... [CONFIG=my.yaml]
	@test -n "$(FILE)" || { echo "FILE names a result, for example: make debug FILE=results/demo/F150W/fits/c000.ecsv"; exit 1; }
	@$(CACHED); cd "$(if $(CONFIG),$(HERE),$(CURDIR))" && \
	  $(SEEN) && \
	  $(PLUGINS) "$(CURDIR)/$(BIN)/snakemake" --snakefile "$(CURDIR)/Snakefile" --executor pdb --quiet host progress rules reason \
	  --cores 1 $(WHERE) --force $(ARGS) -- "$(FILE)"

.PHONY: new check
new: $(READY)  ## a starter configuration: make new FIELD=name [FOLDER=mosaics] [OUT=file]
	@$(BIN)/python workflow/scripts/new_field.py --field "$(FIELD)" --start "$(HERE)" \
	  $(if $(FOLDER),--folder "$(FOLDER)") $(if $(OUT),--out "$(OUT)")

check: $(READY)  ## all mistakes before a run: make check CONFIG=my.yaml [DIRECTORY=run] [DEEP=1]
	@$(CACHED); $(BIN)/python workflow/scripts/check_config.py --start "$(HERE)" \
	  $(if $(CONFIG),--config "$(CONFIG)") $(if $(DIRECTORY),--directory "$(DIRECTORY)") $(if $(filter-out 0,$(DEEP)),--deep)

.PHONY: tractor fsps
tractor: $(READY)  ## The Tractor for photometry.engine, built and checked: make tractor [TRACTOR=address] [ASTROMETRY=address]
	@$(BIN)/python workflow/scripts/build_software.py --start "$(HERE)" tractor --tractor "$(TRACTOR)" --astrometry "$(ASTROMETRY)"

fsps: $(READY)  ## FSPS for ssp_grids, built and checked: make fsps [FSPS_HOME=folder or address] [ISOCHRONES=mist] [SPECTRA=basel]
	@$(BIN)/python workflow/scripts/build_software.py --start "$(HERE)" fsps --data "$(FSPS_HOME)" \
	  --isochrones "$(or $(ISOCHRONES),mist)" --spectra "$(or $(SPECTRA),basel)"

test: $(READY)  ## the tests, some three minutes on two cores
	$(BIN)/python -m pytest -m "not slow" --numprocesses 2 --dist loadfile

test-slow: $(READY)  ## the tests that take minutes each
	$(BIN)/python -m pytest -m slow --numprocesses 2 --dist loadfile

test-fsps: $(READY)  ## build python-fsps and run the tests that need it, where there is a Fortran compiler
	tests/test_fsps.sh

test-slurm: $(READY)  ## runs on a private SLURM of one node (skipped where it is not installed), some five minutes
	$(BIN)/python -m pytest tests/slurm -rs --numprocesses 2 --dist loadfile

lint: $(READY)  ## ruff, the layers of the rooms, snakefmt and snakemake --lint, as CI runs them
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	PYTHONPATH=workflow/scripts $(BIN)/lint-imports --no-cache
	$(BIN)/snakefmt --check Snakefile workflow
	$(BIN)/snakemake --lint

format: $(READY)  ## let ruff and snakefmt format the sources
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/snakefmt Snakefile workflow

bench: $(READY)  ## speed as ratios to peers, measured in one run
	$(BIN)/python -m pytest tests/bench --benchmark-only --benchmark-columns=median,rounds -s

bench-scale: $(READY)  ## time and memory against the number of sources, to docs/scale.md (twenty minutes, 30 GB of disk in BENCH_DIR)
	PYTHONPATH=workflow/scripts $(BIN)/python tests/bench/bench_scale.py $(BENCH_DIR)

bench-phase: $(READY)  ## error of fluxes by dither phase against drizzled stars, printed (twenty minutes)
	PYTHONPATH=workflow/scripts:tests $(BIN)/python tests/bench/bench_phase.py $(ARGS)

bench-stack: $(READY)  ## colours of stacks in filters of different depth, to docs/stack.md (twenty minutes)
	PYTHONPATH=workflow/scripts:tests $(BIN)/python tests/bench/bench_stack.py --page $(ARGS)

bench-recovery: $(READY)  ## fluxes and sizes of simulated fields against their truth, to docs/recovery.md and docs/sizes.md (a quarter of an hour)
	$(BIN)/python tests/bench/bench_recovery.py $(BENCH_DIR)/recovery --page $(ARGS)

bench-proof: $(READY)  ## artificial clusters and blank places against the truth, to docs/proof.md (half an hour on one core; 2 GB in BENCH_DIR)
	$(BIN)/python tests/bench/bench_proof.py $(BENCH_DIR)/proof --page $(ARGS)

bench-psf: $(READY)  ## PSFs over simulated fields against the truth, beside PSFEx, Piff and photutils, to docs/psf.md (half a day on one core; 3 GB in BENCH_DIR)
	$(BIN)/python tests/bench/bench_psf.py $(BENCH_DIR)/psf --page $(ARGS)

bench-spatial: $(READY)  ## numbers, profiles and exponents of mock fields against their truth, to docs/luminosity.md (an hour of CPU)
	PYTHONPATH=workflow/scripts:tests $(BIN)/python tests/bench/bench_spatial.py --page $(ARGS)

bench-detection: $(READY)  ## finding clusters on simulated fields against their truth, to docs/detection.md (half an hour)
	$(BIN)/python tests/bench/bench_detection.py $(BENCH_DIR)/detection --page $(ARGS)

bench-detection-scale: $(READY)  ## time and memory of finding clusters on 10,000 x 10,000 pixels (5 GB of disk in BENCH_DIR)
	$(BIN)/python tests/bench/bench_detection_scale.py $(BENCH_DIR)/large $(ARGS)

docs-luminosity: $(READY)  ## mocks of the luminosity function, to docs/luminosity.md (half an hour)
	$(BIN)/python docs/make_luminosity.py

docs-stack: $(READY)  ## the published stack by estimator, sample and library, to docs/stack.md; after make run, needs PopStar
	$(BIN)/python docs/make_stack.py $(ARGS)

docs: docs-code  ## all generated pages: those of code alone, of mocks, and of results after `make run`
	$(BIN)/python docs/make_calibration.py
	test ! -f results/reproduction.md || cp results/reproduction.md docs/reproduction.md
	test ! -f results/reproduction.md || PYTHONPATH=workflow/scripts $(BIN)/python docs/make_tables.py results
	test ! -f results/reproduction.md || $(BIN)/python docs/make_reached.py
	test ! -f results/reproduction.md || $(BIN)/python docs/make_tutorial.py
	test ! -f results/reproduction.md || $(BIN)/python docs/make_pictures.py

.PHONY: site
site: $(READY)  ## the documentation as a site with search that opens from disk: .site/html/index.html (installs MkDocs there)
	test -x .site/venv/bin/mkdocs || { $(BIN)/python -m venv .site/venv && .site/venv/bin/pip install --quiet "mkdocs==1.6.1"; }
	$(BIN)/python docs/make_site.py stage
	.site/venv/bin/mkdocs build --quiet
	$(BIN)/python docs/make_site.py finish
	@echo "Open .site/html/index.html"

docs-code: $(READY)  ## what follows from the code alone (seconds): config/*, captions and some of docs/
	PYTHONPATH=workflow/scripts $(BIN)/python docs/make_config.py
	PYTHONPATH=workflow/scripts $(BIN)/python docs/make_stages.py
	$(BIN)/python docs/make_columns.py
	PYTHONPATH=workflow/scripts $(BIN)/python docs/make_tables.py
	$(BIN)/python docs/make_captions.py
	PYTHONPATH=workflow/scripts $(BIN)/python docs/make_rebuilds.py

.PHONY: notebook
notebook: $(READY)  ## run the cells of docs/notebook.ipynb on a small synthetic run, and keep what they show
	$(BIN)/python docs/make_notebook.py

tutorial: $(READY)  ## after `make run`: run the commands of docs/tutorial-demo.md, and compare what they print
	$(BIN)/python docs/make_tutorial.py --check

lock:  ## pin the dependencies of pyproject.toml anew (needs uv), then update envs/
	uv pip compile --quiet --universal --fork-strategy fewest --python-version 3.11 --generate-hashes --no-header \
	  --group dev pyproject.toml --output-file requirements.lock

clean:  ## delete results, logs and benchmarks; nothing that was made by hand
	rm -rf results logs benchmarks debug
