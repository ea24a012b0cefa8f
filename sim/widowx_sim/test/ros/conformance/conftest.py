# SPDX-License-Identifier: Apache-2.0
"""Holds an xs_sdk against its contract: the simulated one, or a real arm's.

    XS_SDK_NAMESPACE=/wx250s python -m pytest sim/widowx_sim/test/ros/conformance

points it at the arm whose driver runs there. Put the arm into its sleep pose and clear the
gripper: wrist_rotate turns by 0.1 rad, the gripper opens and closes. Tests marked `sim_only` are
skipped on an arm and say why.
"""

import contextlib
import threading

import pytest
import rclpy
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.parameter import Parameter
from xs_sdk_client import Client, NAMESPACE, REAL

from widowx_sim.ros.sim_node import SimNode


@pytest.fixture
def sim_parameters():
    return {'start_modes': 'vendor'}


@pytest.fixture
def client(request, task_file, sim_parameters):
    """A client of the arm at XS_SDK_NAMESPACE, or of a simulation in a thread of its own."""
    if REAL:
        rclpy.init()
        client = Client()
        yield client
        client.close()
        rclpy.try_shutdown()
        return
    request.getfixturevalue('ros_domain')
    parameters = {'task_file': str(task_file), 'pacing': 'realtime', 'camera_rate_hz': 1.0}
    parameters |= sim_parameters
    sim = SimNode(
        namespace=NAMESPACE,
        parameter_overrides=[Parameter(name, value=value) for name, value in parameters.items()],
    )
    executor = SingleThreadedExecutor()
    executor.add_node(sim)

    def spin():
        with contextlib.suppress(ExternalShutdownException):
            executor.spin()

    thread = threading.Thread(target=spin)
    thread.start()
    try:
        client = Client()
        yield client
        client.close()
    finally:
        executor.shutdown()
        thread.join()
        sim.destroy_node()
