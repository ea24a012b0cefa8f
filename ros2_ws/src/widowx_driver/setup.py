# SPDX-License-Identifier: Apache-2.0
from xml.etree import ElementTree

from setuptools import find_packages, setup

package_name = 'widowx_driver'

setup(
    name=package_name,
    version=ElementTree.parse('package.xml').findtext('version'),
    packages=find_packages(exclude=['test']),
    data_files=[
        ('share/ament_index/resource_index/packages', ['resource/' + package_name]),
        ('share/' + package_name, ['package.xml']),
    ],
    python_requires='>=3.11',
    install_requires=['parl_files', 'widowx_description', 'daqp', 'mink', 'mujoco', 'numpy'],
    zip_safe=True,
    maintainer='PARL developers',
    maintainer_email='parl@example.org',
    description='Turns end-effector targets into safe joint commands for a WidowX-250 6DoF.',
    license='Apache-2.0',
    extras_require={'test': ['pytest']},
    entry_points={'console_scripts': ['driver_node = widowx_driver.ros.driver_node:main']},
)
