# SPDX-License-Identifier: Apache-2.0
"""A task file: one page that every package takes its own sections from."""

from pathlib import Path

from parl_files.config_file import Config, ConfigError, from_mapping
from parl_files.yaml_file import load_yaml

Vector3 = tuple[float, float, float]
"""Three numbers, as x, y, z."""


def read_task(sections: type[Config], path: str | Path) -> Config:
    """Read what one reader needs of a task file.

    Args:
        sections: A `SharedSection` whose fields are the sections and values that it needs.
        path: The file.

    Raises:
        ConfigError: The file is missing or is not YAML; or names file, key, value and remedy.
    """
    if Path(path) == Path():
        raise ConfigError('parameter task_file is empty; give the path of a task file')
    return from_mapping(sections, load_yaml(Path(path)), str(path))
