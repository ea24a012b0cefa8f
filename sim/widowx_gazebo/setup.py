# SPDX-License-Identifier: Apache-2.0
from glob import glob
from xml.etree import ElementTree

from setuptools import find_packages, setup

PACKAGE = 'widowx_gazebo'

setup(
    name=PACKAGE,
    version=ElementTree.parse('package.xml').findtext('version'),
    packages=find_packages(exclude=['test']),
    data_files=[
        ('share/ament_index/resource_index/packages', [f'resource/{PACKAGE}']),
        (f'share/{PACKAGE}', ['package.xml']),
        (f'share/{PACKAGE}/config', glob('config/*.yaml')),
        (f'share/{PACKAGE}/launch', glob('launch/*.launch.yaml')),
    ],
    python_requires='>=3.11',
    install_requires=['parl_files', 'widowx_sim', 'mujoco', 'numpy'],
    extras_require={'test': ['pytest']},
    zip_safe=True,
    maintainer='PARL developers',
    maintainer_email='parl@example.org',
    description='The station in Gazebo behind the ROS interface of the real arm.',
    license='Apache-2.0',
    entry_points={
        'console_scripts': [
            'gazebo_arm_node = widowx_gazebo.ros.gazebo_arm_node:main',
            'run_gazebo = widowx_gazebo.run_gazebo:main',
        ],
    },
)
