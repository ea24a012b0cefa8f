# SPDX-License-Identifier: Apache-2.0
"""The message definitions in an episode file, with which any MCAP reader can open it.

They are text, because files are written and read without ROS, and hold every definition that they
use, since a reader may know none. A test compares STEP with parl_msgs/msg/Step.
"""

STEP_TYPE = 'parl_msgs/msg/Step'
_SEPARATOR = '=' * 80
_TIME = f"""\
{_SEPARATOR}
MSG: builtin_interfaces/Time
int32 sec
uint32 nanosec
"""

STEP = f"""\
builtin_interfaces/Time stamp
uint32 step
float32[] observation
float32[] action
float32[] proposed_action
float32 reward
bool terminated
bool truncated
uint8 verdict
string policy_version
builtin_interfaces/Time[] picture_stamps
{_TIME}"""

CAMERA_TYPE = 'sensor_msgs/msg/CompressedImage'
CAMERA = f"""\
std_msgs/Header header
string format
uint8[] data
{_SEPARATOR}
MSG: std_msgs/Header
builtin_interfaces/Time stamp
string frame_id
{_TIME}"""
