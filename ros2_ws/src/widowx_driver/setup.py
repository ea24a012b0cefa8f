# SPDX-License-Identifier: Apache-2.0
from setuptools import find_packages, setup

package_name = 'widowx_driver'

setup(
    name=package_name,
    version='0.1.0',
    packages=find_packages(exclude=['test']),
    data_files=[
        ('share/ament_index/resource_index/packages', ['resource/' + package_name]),
        ('share/' + package_name, ['package.xml']),
    ],
    install_requires=['setuptools', 'widowx_description'],
    zip_safe=True,
    maintainer='PARL developers',
    maintainer_email='parl@example.org',
    description='Turns end-effector targets into safe joint commands for a WidowX-250 6DoF.',
    license='Apache-2.0',
    extras_require={'test': ['pytest']},
    entry_points={'console_scripts': ['driver_node = widowx_driver.ros.driver_node:main']},
)
