# SPDX-License-Identifier: Apache-2.0
class InterbotixException(Exception):  # noqa: N818 - the vendor's name
    """As documented."""
