# SPDX-License-Identifier: Apache-2.0
"""The parameter that names observed cameras and the size of their recorded pictures."""

import re

from rclpy.node import Node

from parl_files.config_file import ConfigError
from parl_msgs.msg import PictureFormat


def camera_parameter(node: Node) -> list[PictureFormat]:
    """Declare and read `cameras`, such as 'camera:240x320 wrist_camera:240x320' (height, width).

    It is empty by default: object positions are observed, and no pictures.

    Raises:
        ConfigError: A word has another form.
    """
    pictures = []
    for word in str(node.declare_parameter('cameras', '').value).split():
        found = re.fullmatch(r'([A-Za-z]\w*):([1-9]\d*)x([1-9]\d*)', word)
        if found is None:
            raise ConfigError(
                f'parameter cameras has {word!r}; give a name, height and width [px], such as '
                "'camera:240x320'"
            )
        height, width = int(found[2]), int(found[3])
        pictures.append(PictureFormat(camera=found[1], height=height, width=width))
    return pictures
