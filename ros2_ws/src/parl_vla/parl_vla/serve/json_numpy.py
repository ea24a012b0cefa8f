# SPDX-License-Identifier: Apache-2.0
"""Arrays in JSON, as the package json-numpy writes them: the form of OpenVLA's own server.

A few lines of our own instead of that package: what strangers send must not name any dtype.
"""

import base64
import binascii
import json
import math
from typing import Any

import numpy as np

from parl_files.error import ParlError

MARK = '__numpy__'
_KINDS = {'|u1', '<f4', '<f8', '<i4', '<i8'}


class RequestError(ParlError):
    """A request cannot be answered; the message says what is wrong with it."""


def dumps(value: Any) -> str:  # noqa: ANN401
    """Return JSON of a value in which arrays may occur anywhere."""
    return json.dumps(value, default=_encode)


def loads(text: str | bytes) -> Any:  # noqa: ANN401
    """Return what `dumps` wrote.

    Raises:
        RequestError: It is no JSON, or an array in it is damaged or of an unknown kind.
    """
    try:
        return json.loads(text, object_hook=_decode)
    except (ValueError, RecursionError) as error:
        raise RequestError(f'it is no JSON: {error}') from error


def _encode(value: object) -> dict[str, Any]:
    if not isinstance(value, np.ndarray):
        raise TypeError(f'JSON cannot hold a {type(value).__name__}')
    data = base64.b64encode(np.ascontiguousarray(value).tobytes()).decode('ascii')
    return {MARK: data, 'dtype': value.dtype.str, 'shape': list(value.shape)}


def _decode(value: dict[str, Any]) -> Any:  # noqa: ANN401
    if MARK not in value:
        return value
    data, kind, shape = value[MARK], value.get('dtype'), value.get('shape')
    if not isinstance(kind, str) or kind not in _KINDS:
        raise RequestError(f'an array has dtype {kind!r}, expected one of {sorted(_KINDS)}')
    if not isinstance(shape, list) or not all(type(n) is int and n >= 0 for n in shape):
        raise RequestError(f'an array has shape {shape!r}, expected a list of numbers')
    try:
        content = base64.b64decode(data, validate=True)
    except (binascii.Error, TypeError, ValueError) as error:
        raise RequestError(f'an array is no base64: {error}') from error
    dtype = np.dtype(kind)
    if len(content) != math.prod(shape) * dtype.itemsize:
        raise RequestError(f'an array of shape {shape} and dtype {kind} has {len(content)} bytes')
    return np.frombuffer(content, dtype).reshape(shape)
