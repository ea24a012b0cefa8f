# SPDX-License-Identifier: Apache-2.0
from xml.etree import ElementTree

from setuptools import find_packages, setup

PACKAGE = 'reward_detector'

setup(
    name=PACKAGE,
    version=ElementTree.parse('package.xml').findtext('version'),
    packages=find_packages(exclude=['test']),
    data_files=[
        ('share/ament_index/resource_index/packages', [f'resource/{PACKAGE}']),
        (f'share/{PACKAGE}', ['package.xml']),
    ],
    python_requires='>=3.11',
    install_requires=['parl_files', 'widowx_description', 'numpy', 'opencv-python-headless'],
    extras_require={'test': ['pytest']},
    zip_safe=True,
    maintainer='PARL developers',
    maintainer_email='parl@example.org',
    description='Camera image to object positions on the table, and to a sparse reward.',
    license='Apache-2.0',
    entry_points={
        'console_scripts': [
            'reward_detector_node = reward_detector.ros.reward_detector_node:main',
        ],
    },
)
