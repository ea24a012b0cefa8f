# SPDX-License-Identifier: Apache-2.0
from xml.etree import ElementTree

from setuptools import find_packages, setup

package_name = 'widowx_sim'

setup(
    name=package_name,
    version=ElementTree.parse('package.xml').findtext('version'),
    packages=find_packages(exclude=['test']),
    package_data={package_name: ['models/*.xml']},
    data_files=[
        ('share/ament_index/resource_index/packages', ['resource/' + package_name]),
        ('share/' + package_name, ['package.xml']),
    ],
    python_requires='>=3.11',
    install_requires=['parl_files', 'mujoco', 'numpy'],
    extras_require={'test': ['pytest']},
    zip_safe=False,
    maintainer='PARL developers',
    maintainer_email='parl@example.org',
    description='MuJoCo WidowX-250 6DoF station behind the ROS interface of the real arm.',
    license='Apache-2.0',
    entry_points={
        'console_scripts': [
            'sim_node = widowx_sim.ros.sim_node:main',
            'demonstrator_node = widowx_sim.ros.demonstrator_node:main',
        ],
    },
)
