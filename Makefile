# The site, in a folder of its version; what is built from the same commit has the same bytes.
VERSION := $(shell sed -n 's/^version = "\(.*\)"/\1/p' pyproject.toml)
export SOURCE_DATE_EPOCH ?= $(shell git log -1 --format=%ct)

.PHONY: docs docs-test

docs:
	mkdocs build --strict --site-dir site/$(VERSION)

# Needs Chromium on the path, as from `apt-get install chromium`.
docs-test: docs
	pytest tests/test_blocks.py tests/test_curves.py --site site/$(VERSION)
	pytest -n0 tests/site --site site/$(VERSION)
