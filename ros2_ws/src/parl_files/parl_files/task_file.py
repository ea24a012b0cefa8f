# SPDX-License-Identifier: Apache-2.0
"""Reads a task file, from which every package takes its own sections."""

from pathlib import Path

from parl_files.config_file import Config, ConfigError, from_mapping
from parl_files.yaml_file import load_yaml

Vector3 = tuple[float, float, float]
"""Three numbers, as x, y, z."""


def read_task(sections: type[Config], path: str | Path) -> Config:
    """Read the sections of a task file that one reader needs.

    Args:
        sections: A `SharedSection` whose fields are these sections and values.
        path: The file.

    Raises:
        ConfigError: The file is missing, is not YAML, or a key or value in it is wrong.
    """
    if Path(path) == Path():
        raise ConfigError('parameter task_file is empty; give the path of a task file')
    return from_mapping(sections, load_yaml(Path(path)), str(path))
