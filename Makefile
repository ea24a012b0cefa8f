# SPDX-License-Identifier: Apache-2.0
# Every goal sets up what it needs: apt packages, .venv, the built workspace (environment/set_up.sh).

SHELL := /bin/bash
ACTIVATE := source environment/activate.sh
CODE := ros2_ws/src sim bench test environment conftest.py

# Minutes each, and they want idle cores; the tables are learning runs over seeds: an hour or more.
BENCHES := control_period critic_speed decision_latency driver_fuzz reward_detector_accuracy step_cost
TABLES := success_over_seeds point_maze_table

.PHONY: help demo demo-vla test bench tables lint clean set_up

help:  ## what can be made
	@sed -n 's/^\([a-z_-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 10

# An interrupted one continues from its report folder.
demo: set_up  ## the experiment cup to drying rack, a quarter of an hour; its folder is report, or REPORT=folder; from pictures with PIXELS=1
	@$(ACTIVATE) && exec python3 -m parl_launch.run widowx_bringup demo.launch.yaml \
	  $(if $(PIXELS),experiment:="$(CURDIR)/ros2_ws/src/widowx_bringup/config/experiments/observations/pictures.yaml") \
	  report_folder:="$$(realpath -m -- "$${REPORT:-report$(if $(PIXELS),_pictures)}")"

# The model is made once by its recipe (bench/mini_vla), a quarter of an hour, and kept under runs/.
demo-vla: set_up  ## a small OpenVLA, which sees pictures and reads words, practises; its folder is report_vla, or REPORT=folder
	@$(ACTIVATE) && model="$$(PYTHONPATH="bench:$$PYTHONPATH" python3 -m mini_vla.make)" && \
	  config="$(CURDIR)/ros2_ws/src/widowx_bringup/config" && \
	  exec python3 -m parl_launch.run widowx_bringup demo.launch.yaml task:="$$config/tasks/vegetable_to_plate.yaml" \
	  experiment:="$$config/experiments/vla/vegetable_to_plate.yaml" set:="learning.policy.model=$$model" \
	  report_folder:="$$(realpath -m -- "$${REPORT:-report_vla}")"

test: lint  ## what every change must pass: lint, and then the tests
	@$(ACTIVATE) && exec python3 -m pytest -n 3 --dist loadfile

bench: set_up  ## the benchmarks, minutes each; they want idle cores
	@$(ACTIVATE) && for name in $(BENCHES); do python3 bench/$$name.py || exit 1; done

# Stopped, they continue: finished cells are kept under runs/, to be removed after a change.
tables: set_up  ## learning runs over seeds, hours
	@$(ACTIVATE) && for name in $(TABLES); do python3 bench/$$name.py || exit 1; done

lint: set_up  ## style and types: ruff and mypy, a minute
	@$(ACTIVATE) && ruff check $(CODE) && ruff format --check $(CODE) && mypy

clean:  ## removes everything that was built, not runs and reports
	rm -rf .venv ros2_ws/build ros2_ws/install ros2_ws/log ros2_ws/.set_up.lock
	rm -rf .hypothesis .mypy_cache .pytest_cache .ruff_cache
	rm -rf ros2_ws/src/*/build sim/*/build
	find . -name __pycache__ -prune -exec rm -rf {} +
	find . -name '*.egg-info' -prune -exec rm -rf {} +

set_up:  ## what demo to lint need and begin with: system packages, .venv, the built workspace
	@environment/set_up.sh
