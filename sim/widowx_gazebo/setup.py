# SPDX-License-Identifier: Apache-2.0
from glob import glob

from setuptools import find_packages, setup

PACKAGE = 'widowx_gazebo'

setup(
    name=PACKAGE,
    version='0.1.0',
    packages=find_packages(exclude=['test']),
    data_files=[
        ('share/ament_index/resource_index/packages', [f'resource/{PACKAGE}']),
        (f'share/{PACKAGE}', ['package.xml']),
        (f'share/{PACKAGE}/config', glob('config/*.yaml')),
        (f'share/{PACKAGE}/launch', glob('launch/*.launch.yaml')),
        (f'share/{PACKAGE}/worlds', glob('worlds/*.sdf')),
    ],
    install_requires=['PyYAML'],
    extras_require={'test': ['pytest']},
    zip_safe=True,
    maintainer='PARL developers',
    maintainer_email='parl@example.org',
    description='The station as a world for Gazebo, and a bridge to its topics.',
    license='Apache-2.0',
)
