# SPDX-License-Identifier: Apache-2.0
"""Files that make a method of the literature of any task or experiment."""

from pathlib import Path

METHOD_FILES = {path.stem: path for path in (Path(__file__).parent / 'config').glob('*.yaml')}
"""By name: for `--method` of `parl-train`, and for `extends:` of an experiment file."""
