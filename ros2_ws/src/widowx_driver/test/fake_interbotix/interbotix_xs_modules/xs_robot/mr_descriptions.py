# SPDX-License-Identifier: Apache-2.0
"""The arms that the vendor's modules know, by robot_model; here the one that we need."""


class wx250s:  # noqa: N801 - the vendor's name
    JOINT_COUNT = 6
