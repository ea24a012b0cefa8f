# SPDX-License-Identifier: Apache-2.0
"""Says what a node was doing, from a sampled stack of Python functions."""

from collections.abc import Sequence

_PLACES = (
    ('decision', ('open_loop_actor.py', 'acting/actor.py', 'torch/')),
    ('rendering', ('render (', 'mujoco/renderer.py')),
    ('physics', ('station/actuators.py', 'advance (widowx_sim')),
    ('detection', ('verdict/frame_judge.py', 'camera/picture_watch.py', 'objects/')),
    ('film', ('to_jpeg',)),
    ('publishing', ('publish (rclpy',)),
    ('taking', ('_take_', 'take (rclpy')),
    ('conversion', ('message_conversion.py', '_msgs/msg/', '_interfaces/msg/')),
    ('files', ('parl_files/', 'safetensors', 'mcap')),
    ('executor', ('rclpy/executors.py', 'rclpy/', 'parl_node/executor.py')),
)
KINDS = (*(kind for kind, _ in _PLACES), 'other')


def kind_of(stack: Sequence[str]) -> str:
    """Return the kind of the innermost function of a stack that is listed here.

    Args:
        stack: Functions from the outermost inwards, such as 'spin (rclpy/executors.py:1)'.
    """
    for function in reversed(stack):
        for kind, places in _PLACES:
            if any(place in function for place in places):
                return kind
    return 'other'
