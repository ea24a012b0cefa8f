# SPDX-License-Identifier: Apache-2.0
"""Repairs the CMake files of the ROS wheels in this virtual environment.

The wheels export the absolute include paths of the machine that built them (/opt/python/...) and
a tinyxml2 that only that machine has. Run with the environment's own python; running it again
changes nothing.
"""

from pathlib import Path
import re
import sys
import sysconfig

import numpy as np

BUILDER_NUMPY = re.compile(r'/opt/python/[^;"]*/numpy/_?core/include')
BUILDER_PYTHON = re.compile(r'/opt/python/[^;"]*/include/python3\.\d+')
BUILDER_TINYXML2 = re.compile(r'/usr/lib64/libtinyxml2\.so[.\d]*')


def mend(text: str, python_include: str, numpy_include: str, tinyxml2: str) -> str:
    """Return `text` with the builder's paths replaced by those of this environment."""
    text = BUILDER_NUMPY.sub(numpy_include, text)
    text = BUILDER_PYTHON.sub(python_include, text)
    return BUILDER_TINYXML2.sub(tinyxml2, text)


def main() -> None:
    """Repair every exported CMake file below the environment's share folder, in place."""
    site_packages = Path(sysconfig.get_paths()['purelib'])
    tinyxml2 = next(site_packages.glob('ros_fastrtps.libs/libtinyxml2-*'))
    python_include = sysconfig.get_paths()['include']
    mended = 0
    for path in sorted(Path(sys.prefix, 'share').glob('*/cmake/*.cmake')):
        before = path.read_text(encoding='utf-8')
        after = mend(before, python_include, np.get_include(), str(tinyxml2))
        if after != before:
            path.write_text(after, encoding='utf-8')
            mended += 1
    print(f'mended {mended} CMake files of the ROS wheels')


if __name__ == '__main__':
    main()
