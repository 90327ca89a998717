# make run     everything on one machine, in the foreground; Ctrl-C ends it. PORT=5001 DATA=/directory override.
# make test    install what tests need and run all of them (ARGS="-k words" for some)
# make check   ruff, mypy and the boundaries between the rooms
# make bench   the measurements, as tables and JSON
# make lock    pin the newest packages that requirements/*.in allow
.PHONY: run test check bench lock clean
.DEFAULT_GOAL := run
export PORT DATA PREFIX LANGUAGES

# The signal: when make itself is killed, what it runs ends too.
BOOTSTRAP = exec setpriv --pdeathsig TERM sh deploy/bootstrap.sh

run test check bench:
	@$(BOOTSTRAP) $@ $(ARGS)

lock:
	@sh deploy/bootstrap.sh environments
	@for name in trusted untrusted tests; do .build/tests/bin/uv pip compile --quiet --upgrade --universal \
	    --python-version 3.10 --generate-hashes --no-emit-index-url --no-header \
	    requirements/$$name.in -o requirements/$$name.txt || exit; done

clean:
	rm -rf .build
