# make demo    a day of a real shop, from nothing
# make test    everything: style, types, tests, notebooks
# make swarm   the long runs over many seeds      make speed   benchmarks, as ratios

PYTHON ?= python3
BIN := .venv/bin

.PHONY: demo test lint swarm speed notebooks clean

demo: .venv/installed
	$(BIN)/bench run scenarios/black_friday.toml --out runs/black_friday

test: .venv/developer lint
	$(BIN)/python -m pytest -n 2 --dist loadscope

lint: .venv/developer
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

swarm: .venv/developer
	$(BIN)/python -m pytest -n 2 -m swarm tests

speed: .venv/installed
	$(BIN)/bench speed

notebooks: .venv/developer
	$(BIN)/python -m bench notebooks

.venv/installed: pyproject.toml requirements.txt
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet -c requirements.txt -e .
	touch $@

.venv/developer: .venv/installed
	$(BIN)/python -m pip install --quiet -c requirements.txt -e '.[dev]'
	touch $@

clean:
	rm -rf .venv runs var
