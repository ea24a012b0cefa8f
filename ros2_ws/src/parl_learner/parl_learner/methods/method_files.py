# SPDX-License-Identifier: Apache-2.0
"""Files of settings, one for each method of the literature, for any task or experiment."""

from pathlib import Path

METHOD_FILES = {path.stem: path for path in (Path(__file__).parent / 'config').glob('*.yaml')}
"""Path by name: for `--method` of `parl-train`, and for `extends:` of an experiment file."""
