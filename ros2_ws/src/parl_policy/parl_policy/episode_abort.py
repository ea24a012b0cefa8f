# SPDX-License-Identifier: Apache-2.0
"""Why an episode cannot go on."""


class EpisodeAbortError(Exception):
    """Ends the running episode; the message names what failed and what to do about it."""
