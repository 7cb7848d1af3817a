SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory
# One target after the other, as they are named, but for the steps of `make test`.
ifeq ($(filter side-by-side,$(MAKECMDGOALS)),)
.NOTPARALLEL:
endif

# Debian's own, with Debian's libraries: what users run. Another python3 that comes first on PATH has neither.
PYTHON := /usr/bin/python3
export PATH := /usr/sbin:/usr/bin:/sbin:/bin:$(PATH)
SUDO := $(if $(filter-out 0,$(shell id -u)),sudo)

# What is built depends neither on who builds it nor on where.
export LC_ALL := C.UTF-8
export TZ := UTC
export PYTHONDONTWRITEBYTECODE := 1
export HYPOTHESIS_STORAGE_DIRECTORY := $(CURDIR)/.cache/hypothesis
unexport PYTHONPATH PYTHONHOME PYTHONWARNINGS PYTEST_ADDOPTS DEB_BUILD_OPTIONS DEB_BUILD_PROFILES

# debian/control is the one list of packages. The demo takes what the package depends on, in the syntax of `apt-get
# satisfy`; building and testing take Build-Depends. The former needs no compiler and is installed in a third of the time.
DEPENDS := $(shell sed -n '/^Package: inviseobox$$/,/^$$/p' debian/control \
	| sed -n '/^Depends:/,/^[A-Z]/ { s/^Depends://; /^ /p }' | sed 's/\$${[^}]*},\?//')
TO_RUN := satisfy 'python3, $(DEPENDS)'
TO_BUILD := build-dep -P pkg.inviseobox.dev ./
APT := env DEBIAN_FRONTEND=noninteractive apt-get -q -y --no-install-recommends -o DPkg::Lock::Timeout=300

# $(call quietly,NAME,COMMANDS): their output goes to build/NAME.log and is shown only if they fail.
quietly = mkdir -p build; ( $(2) ) > build/$(1).log 2>&1 || { tail -n 100 build/$(1).log; echo "failed, see build/$(1).log" >&2; exit 1; }

# $(call install,REQUEST,PURPOSE): apt is asked each time, so that a package that went missing comes back. Lists that cannot
# be renewed, of a repository that has nothing to do with this, do not stop it.
install = if ! plan=$$(apt-get -s $(1) 2>&1) || grep -q '^Inst ' <<< "$$plan"; then \
	echo "== install $(2)"; \
	$(if $(SUDO),echo "sudo: installing $(2) with apt";) \
	$(call quietly,apt,$(SUDO) $(APT) update || true; $(SUDO) $(APT) $(1)); \
	fi

help:
	@echo "make demo         show the daemon at work on a simulated site, for three windows"
	@echo "make test         all that CI runs: linters, unit and integration tests, packages, system tests"
	@echo "make deb          build the Debian package into build/deb/; with the one of the keys, given REPO_URL= and REPO_KEYRING="
	@echo "make reproducible build it once more, in other circumstances, and compare"
	@echo "make repo         build the packages and publish them in $(REPO_DIR); then, as the README tells, repo-promote,"
	@echo "                  repo-phase, repo-withdraw, repo-sign, repo-rotate, repo-retire, and repo-show for what is there"
	@echo "make lint         run ruff and mypy"
	@echo "make translations take the sentences of the commands into inviseobox/locale/fr.po, where French is written"
	@echo "make screens      record what the commands show, and renew the screens in the technician's pages with it"
	@echo "make unit         run the unit tests"
	@echo "make integration  run the integration tests"
	@echo "make acquisition  run the tests of reading on each Debian release, with the package and its libraries installed"
	@echo "make system       boot a Debian, install the package there and test it"
	@echo "make campaigns    cut the power, kill, fill and damage the disk: short samples"
	@echo "make bench        measure: readings, CPU, memory, bytes written, beside bare Modbus clients; ends in 25 minutes"
	@echo "make bench-long   the same for hours, with a day of simulated time"
	@echo "make bench-short  see that the benchmark runs"
	@echo "make soak         the same campaigns whole, then the system tests on each Debian release, which takes several hours"
	@echo "make machine      boot a whole machine in qemu, with a kernel of its own, and cut its power: a sample, in 20 minutes"
	@echo "make machine-soak all tests on such machines, in two hours; once more, it goes on where it was interrupted"
	@echo "make clean        remove all that was built and cached, but for the repository in build/apt"
	@echo "Each of them first installs, with apt, what this machine lacks for it."

demo:
	@$(call install,$(TO_RUN),what InviseoBox runs on)
	@exec $(PYTHON) -m inviseobox demo

dependencies:
	@$(call install,$(TO_BUILD),what building and testing take)

.venv/installed: pyproject.toml | dependencies
	@echo "== install ruff and mypy into .venv"
	@rm -rf .venv
	@$(call quietly,venv,$(PYTHON) -m venv --system-site-packages .venv && .venv/bin/pip install --no-input \
		$$($(PYTHON) -c 'import tomllib; print(*tomllib.load(open("pyproject.toml", "rb"))["project"]["optional-dependencies"]["dev"])'))
	@touch $@

lint: dependencies .venv/installed
	@echo "== ruff, mypy"
	@.venv/bin/ruff check --quiet
	@.venv/bin/ruff format --check --quiet
	@.venv/bin/mypy --no-error-summary

# xgettext takes the sentences out of the sources; what is new in them is then empty in fr.po, and what is gone is dropped.
WORDS := inviseobox/locale
translations: dependencies
	@echo "== renew $(WORDS)/fr.po"
	@mkdir -p build
	@find inviseobox -name '*.py' | sort | xgettext --files-from=- --language=Python --from-code=UTF-8 \
		--keyword --keyword=_ --keyword=marked --keyword=m --flag=_:1:no-python-format --add-location=file --output=build/sources.pot
	@msgcat --use-first --output-file=build/inviseobox.pot $(WORDS)/argparse.pot build/sources.pot
	@msgmerge --quiet --no-fuzzy-matching --add-location=file --output-file=build/fr.po $(WORDS)/fr.po build/inviseobox.pot
	@msgattrib --no-obsolete --add-location=file --output-file=$(WORDS)/fr.po build/fr.po
	@msgfmt --check --statistics --output-file=/dev/null $(WORDS)/fr.po

screens:
	@$(MAKE) deb BUILD_OPTIONS=nocheck
	@echo "== renew the screens in debian/technician.md and debian/technicien.md"
	@$(if $(SUDO),echo "sudo: booting a Debian of its own takes root")
	@mkdir -p .cache
	@$(SUDO) env PYTHONDONTWRITEBYTECODE=1 $(PYTHON) -m tests.system.renew_screens build/deb/inviseobox_*_all.deb

unit: dependencies
	@echo "== unit tests"
	@nice $(PYTHON) -m pytest -q --junitxml=build/unit.xml tests --ignore=tests/acquisition --ignore=tests/integration --ignore=tests/system --ignore=tests/campaigns --ignore=tests/machine

# These tests wait more than they work, and some of them for what must come within two seconds.
two_files_at_a_time := -n 2 --dist loadfile
integration: dependencies
	@echo "== integration tests"
	@$(PYTHON) -m pytest -q $(two_files_at_a_time) --junitxml=build/integration.xml tests/integration

# $(call copy,DIRECTORY): what is on disk: tracked files with their changes, and new ones that git does not ignore.
copy = rm -rf $(1) && mkdir -p $(1) \
	&& comm -z -23 <(git ls-files -z --cached --others --exclude-standard | sort -zu) <(git ls-files -z --deleted | sort -zu) \
	| tar -c --null --files-from=- --mode=u=rwX,go=rX | tar -x -C $(1)

# inviseobox-archive-keyring takes the address of a repository and its public keys, as gpg --export writes them.
TO_PUBLISH := $(and $(REPO_URL),$(REPO_KEYRING))
# Without MAKEFLAGS, by which debian/rules would take REPO_KEYRING as it was given here, for a path in the source, and go
# on after an error.
with_keyring = env --unset=MAKEFLAGS $(if $(TO_PUBLISH),REPO_URL='$(REPO_URL)' REPO_KEYRING='$(abspath $(REPO_KEYRING))')
profiles = $(if $(TO_PUBLISH),--build-profiles=pkg.inviseobox.keyring)

deb: dependencies
	@echo "== build the package"
	@$(if $(TO_PUBLISH),$(PYTHON) debian/repository/keyring_package.py '$(REPO_URL)' '$(REPO_KEYRING)' build/keyring, \
		echo "without inviseobox-archive-keyring, which takes REPO_URL and REPO_KEYRING")
	@rm -rf build/source build/deb && mkdir -p build/deb && $(call copy,build/source/inviseobox)
	@$(call quietly,deb,umask 022 && cd build/source/inviseobox && export DEB_BUILD_OPTIONS=$(BUILD_OPTIONS) \
		&& $(with_keyring) dpkg-buildpackage --no-sign --build=binary $(profiles))
	@mv build/source/*.deb build/source/*.changes build/source/*.buildinfo build/deb/
	@ls build/deb/*.deb

# Another directory, umask, time zone, language and date, files of another date, and no tests: what the packages hold depends
# on none of them. That they pass their tests is known of the first build.
reproducible: again = build/elsewhere/again
reproducible: deb
	@echo "== build the package once more and compare"
	@$(call copy,$(again)/inviseobox)
	@mkdir -p $(again)/locales && localedef -i fr_FR -f UTF-8 $(again)/locales/fr_FR.UTF-8
	@$(call quietly,reproducible,cd $(again)/inviseobox && umask 077 && find . -exec touch -h {} + \
		&& LOCPATH=$(CURDIR)/$(again)/locales LC_ALL=fr_FR.UTF-8 TZ=Pacific/Kiritimati DEB_BUILD_OPTIONS=nocheck \
		$(with_keyring) faketime "+400 days" dpkg-buildpackage --no-sign --build=binary $(profiles))
	@for package in build/deb/*.deb; do cmp "$$package" "$(again)/$${package##*/}"; done
	@rm -rf build/elsewhere

# What is published is made by one program, which is told where by these: its folder, the keys that sign, its address.
REPO_DIR ?= build/apt
export REPO_DIR REPO_KEY REPO_URL REPO_VALID_DAYS
repository = $(PYTHON) debian/repository

# Two at once would build in the same folder. The packages' own tests are left to `make test`, which comes before:
# publishing the same once more takes seconds.
repo: dependencies
	@mkdir -p build; exec 9> build/repo.lock; \
	flock --nonblock 9 || { echo "another make repo runs here: wait until it has ended" >&2; exit 1; }; \
	$(MAKE) build-and-publish 9>&-

build-and-publish:
	@$(if $(REPO_URL),$(repository) keyring build/keyring.gpg)
	@$(MAKE) deb BUILD_OPTIONS=nocheck REPO_KEYRING=$(if $(REPO_URL),build/keyring.gpg)
	@echo "== publish it in $(REPO_DIR)"
	@$(repository) publish build/deb/*.deb
	@$(repository) show
	@$(if $(REPO_URL),$(repository) bootstrap)

repo-show:
	@$(repository) show

repo-promote:
	@$(repository) promote $(if $(PERCENT),--phase $(PERCENT)) $(VERSION)

repo-phase:
	@$(repository) phase $(PERCENT)

repo-withdraw:
	@$(repository) withdraw $(VERSION)

repo-sign:
	@$(repository) sign

repo-rotate:
	@$(repository) rotate $(if $(REVOKED),--revoked$(if $(filter-out 1,$(REVOKED)),='$(REVOKED)'))

repo-retire:
	@$(repository) retire

lintian: deb
	@echo "== lintian"
	@lintian --allow-root --fail-on error,warning build/deb/*.changes

# On machines of all releases; those of this one's own would be tests/acquisition, run by pytest as they are.
acquisition: deb
	@echo "== tests of reading on each Debian release"
	@$(if $(SUDO),echo "sudo: booting Debians of their own takes root")
	@mkdir -p .cache
	@$(SUDO) nice env PYTHONDONTWRITEBYTECODE=1 $(if $(INVISEOBOX_RUBBISH),INVISEOBOX_RUBBISH=$(INVISEOBOX_RUBBISH)) \
		$(if $(INVISEOBOX_SOAK),INVISEOBOX_SOAK=$(INVISEOBOX_SOAK)) $(PYTHON) -m tests.acquisition.run_on_releases

# $(call system,VARIABLES,NAME,OPTIONS): what was seen of the package's life closes the output.
system = $(if $(SUDO),echo "sudo: booting a Debian of its own takes root";) mkdir -p .cache; \
	$(SUDO) env PYTHONDONTWRITEBYTECODE=1 $(1) $(PYTHON) -m pytest -q -o cache_dir=.cache/pytest-system \
	--junitxml=build/$(2).xml $(3) tests/system

system: deb
	@echo "== system tests"
	@$(call system,,system,$(two_files_at_a_time))

# $(call campaign,VARIABLES,NAME): in a mount namespace of its own, so that none of its disks outlives it.
campaign = $(if $(SUDO),echo "sudo: mounting disks takes root";) mkdir -p .cache; \
	$(SUDO) env PYTHONDONTWRITEBYTECODE=1 HYPOTHESIS_STORAGE_DIRECTORY=$(HYPOTHESIS_STORAGE_DIRECTORY)-campaigns $(1) \
	unshare --mount --propagation=private $(PYTHON) -m pytest -q -o cache_dir=.cache/pytest-campaigns \
	--junitxml=build/$(2).xml tests/campaigns

campaigns: dependencies
	@echo "== campaigns"
	@$(call campaign,,campaigns)

soak: deb
	@echo "== campaigns, whole"
	@$(call campaign,INVISEOBOX_SOAK=1,soak)
	@$(MAKE) acquisition INVISEOBOX_SOAK=1
	@echo "== system tests on each Debian release"
	@$(call system,INVISEOBOX_SOAK=1,soak-system)

# Neither is part of `make test`: what they take is installed here alone.
TO_BOOT := install qemu-system-x86 qemu-utils seabios ipxe-qemu e2fsprogs xfsprogs mmdebstrap mount
# $(call machine,VARIABLES,NAME): in a mount namespace of its own, so that none of its disks outlives it.
machine = $(call install,$(TO_BOOT),what whole machines take); mkdir -p .cache; \
	$(if $(SUDO),echo "sudo: mounting disks takes root";) \
	$(SUDO) env PYTHONDONTWRITEBYTECODE=1 $(1) unshare --mount --propagation=private $(PYTHON) -m pytest -q \
	-o cache_dir=.cache/pytest-machine --junitxml=build/$(2).xml tests/machine

# The packages' own tests are those of `make test`.
machine:
	@$(MAKE) deb BUILD_OPTIONS=nocheck
	@echo "== a whole machine, a sample"
	@$(call machine,,machine)

machine-soak:
	@$(MAKE) deb BUILD_OPTIONS=nocheck
	@echo "== a whole machine, all"
	@$(call machine,INVISEOBOX_SOAK=1,machine-soak)

# A compiler and libmodbus are for this alone. In a mount namespace of its own where there is root, so that none of its
# disks outlives it; without root it measures what it can.
TO_BENCH := satisfy 'gcc, libc6-dev, libmodbus-dev, e2fsprogs, mount, python3, $(DEPENDS)'
bench = $(call install,$(TO_BENCH),what the benchmark takes); \
	exec $(if $(SUDO),,unshare --mount --propagation=private) $(PYTHON) -m tests.bench $(1)

bench:
	@echo "== benchmark"
	@$(call bench,usual)

bench-long:
	@echo "== benchmark, for hours"
	@$(call bench,long)

bench-short:
	@echo "== benchmark, only to see that it runs"
	@$(call bench,short)

# The packages come first, without their tests, which are those of the step `unit`. Then three steps at a time, those that
# take longest first: system and integration tests mostly wait, for what must come in time; those that work are nice to
# them. What a step prints is shown when it has ended. A step that fails keeps no other from being run. The count comes last.
STEPS := system integration unit acquisition campaigns lintian reproducible bench-short
side-by-side:
	@echo "== side by side: $(filter-out $@,$(MAKECMDGOALS))"
at_once := --keep-going --output-sync=target --old-file=dependencies

test: dependencies
	@$(if $(SUDO),echo "sudo: disks and machines of their own take root"; $(SUDO) true)
	@rm -f build/*.xml
	@$(MAKE) $(at_once) --jobs=2 side-by-side deb lint BUILD_OPTIONS=nocheck || failed=1; \
	$(MAKE) $(at_once) --jobs=3 --old-file=deb side-by-side $(STEPS) || failed=1; \
	$(PYTHON) tests/count_tests.py build unit integration campaigns \
		acquisition-bookworm acquisition-trixie acquisition-forky system && [ -z "$${failed-}" ]

clean:
	@$(if $(SUDO),echo "sudo: removing what system tests left as root")
	@$(SUDO) rm -rf --one-file-system $(filter-out build/apt,$(wildcard build/*)) .cache .venv

.PHONY: help demo dependencies lint translations screens unit integration deb reproducible repo build-and-publish repo-show repo-promote repo-phase repo-withdraw repo-sign repo-rotate repo-retire lintian acquisition system campaigns machine machine-soak bench bench-long bench-short soak side-by-side test clean
