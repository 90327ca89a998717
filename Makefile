# make run     everything on one machine, in the foreground; Ctrl-C ends it. PORT=5001 DATA=/directory override.
# make sage    install Sage for it (4.6 GB of disk); LANGUAGES=python make run leaves it out
# make r       install R for it (0.3 GB of disk), of Debian's packages
# make c       likewise C; make cpp C++, make bash, make javascript (Node), make octave, make java
# make packages   build the operator's packages.txt into Python's environment (make run does so, too)
# make test    install what tests need and run all of them, two parts at once (ARGS="-k words": some of them)
# make check   ruff, mypy, the boundaries between the rooms, and whether static/ is what make frontend builds
# make bench   the measurements, as one table and JSON; ARGS=latency, loops, … one of them
# make load    students by Tsung: RATE=10 (a second) SECONDS=60 USERS=600; URL= a running server; RAMP=1 the knee; MIX=simple
# make frontend   build static/ from frontend/, with the Node of the environment for tests
# make lock    pin the newest packages that requirements/*.in allow
.PHONY: run sage r c cpp bash javascript octave java packages test check bench load frontend lock clean
.DEFAULT_GOAL := run
export PORT DATA PREFIX LANGUAGES

# The signal: when make itself is killed, what it runs ends too.
BOOTSTRAP = exec setpriv --pdeathsig TERM sh deploy/bootstrap.sh

run packages test check bench:
	@$(BOOTSTRAP) $@ $(ARGS)

# SECONDS alone is a variable of some shells.
load: export LOAD_RATE = $(RATE)
load: export LOAD_SECONDS = $(SECONDS)
load: export LOAD_USERS = $(USERS)
load: export LOAD_URL = $(URL)
load: export LOAD_RAMP = $(RAMP)
load: export LOAD_MIX = $(MIX)
load:
	@$(BOOTSTRAP) $@

sage:
	@$(BOOTSTRAP) language $@

r c cpp bash javascript octave java:
	@$(BOOTSTRAP) debian $@

frontend:
	@sh deploy/bootstrap.sh environments
	@PATH=$(CURDIR)/.build/tests/bin:$$PATH; cd frontend && npm ci --no-audit --no-fund && node build.mjs

# The oldest Python of each environment.
lock:
	@sh deploy/bootstrap.sh environments
	@for lock in trusted:3.10 untrusted:3.10 tests:3.10 recipes:3.10 kubernetes:3.10 jupyter:3.10 tools:3.10 sage:3.11; do \
	    .build/tests/bin/uv pip compile --quiet --upgrade --universal \
	    --python-version $${lock#*:} --generate-hashes --no-emit-index-url --no-header \
	    requirements/$${lock%:*}.in -o requirements/$${lock%:*}.txt || exit; done
	@.build/tests/bin/uv pip compile --quiet --upgrade --no-deps --universal --python-version 3.10 --generate-hashes \
	    --no-emit-index-url --no-header requirements/libraries.in -o requirements/libraries.txt

clean:
	rm -rf .build
