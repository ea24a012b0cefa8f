# SPDX-License-Identifier: Apache-2.0
"""The array type of this package."""

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

FloatArray: TypeAlias = NDArray[np.float64]
