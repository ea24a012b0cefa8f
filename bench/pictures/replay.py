# SPDX-License-Identifier: Apache-2.0
"""Memory and speed of a replay of pictures: python3 bench/pictures/replay.py [--states 12000].

Two cameras at 224 × 224 pixels. Batches of 256 transitions are read, changed and encoded as in a
critic update, and the small encoder is trained; a second column gives the time of the reading
alone. Resident memory is that of the process, as `ps` counts it.
"""

import argparse
import os
from pathlib import Path
import tempfile
import time

import numpy as np
import torch

from parl_learner.offline.run.whole_number import at_least_1
from parl_learner.replay.batch_augmentation import augment_states
from parl_learner.replay.observation_table import ObservationTable
from parl_learner.replay.picture_table import PictureTable
from parl_policy.networks.observation_encoder import ObservationEncoder, VisionConfig
from parl_policy.observations import PictureConfig

SIZE = (224, 224)
BATCH = 256
VISION = VisionConfig(
    pictures={camera: PictureConfig(size=SIZE) for camera in ('camera', 'wrist_camera')}
)
"""The default encoder, keypoints."""


def resident_gb() -> float:
    """Return the resident memory of this process [GB]."""
    pages = int(Path('/proc/self/statm').read_text(encoding='ascii').split()[1])
    return pages * os.sysconf('SC_PAGE_SIZE') / 1e9


def new_table(states: int, folder: Path) -> ObservationTable:
    """Make a table of random pictures."""
    draws = np.random.default_rng(0)
    pictures = {camera: PictureTable(SIZE, folder) for camera in VISION.pictures}
    pool = draws.integers(256, size=(64, *SIZE, 3), dtype=np.uint8)
    for table in pictures.values():
        for row in range(states):
            table.append(pool[row % len(pool)])
    numbers = torch.as_tensor(draws.normal(size=(states, 8)).astype(np.float32))
    return ObservationTable(numbers, pictures, ['put it there'] * states)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--states', type=at_least_1, default=12_000)
    parser.add_argument('--updates', type=at_least_1, default=20)
    parser.add_argument('--folder', type=Path, help='where the pictures are kept meanwhile')
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    generator = torch.Generator().manual_seed(0)
    with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
        began = time.perf_counter()
        table = new_table(arguments.states, Path(folder))
        added_ms = (time.perf_counter() - began) / arguments.states * 1e3
        encoder = ObservationEncoder(8, VISION)
        optimiser = torch.optim.Adam(encoder.parameters())
        reading_s, most_gb = 0.0, 0.0
        began = time.perf_counter()
        for _ in range(arguments.updates):
            rows = torch.randint(arguments.states, (2, BATCH), generator=generator)
            read = time.perf_counter()
            parts = [table[rows[0]], table[rows[1]]]
            reading_s += time.perf_counter() - read
            now, then = augment_states(parts, VISION.augmentation, generator)
            with torch.no_grad():
                target = encoder(then)
            loss = (encoder(now) - target).square().mean()
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            most_gb = max(most_gb, resident_gb())
        update_s = (time.perf_counter() - began) / arguments.updates
    print('| states | on disk | resident at most | adding a state | update | of which reading |')
    print('|---|---|---|---|---|---|')
    disk_gb = arguments.states * len(VISION.pictures) * SIZE[0] * SIZE[1] * 3 / 1e9
    print(
        f'| {arguments.states} | {disk_gb:.1f} GB | {most_gb:.2f} GB | {added_ms:.2f} ms '
        f'| {update_s * 1e3:.0f} ms | {reading_s / arguments.updates * 1e3:.0f} ms |'
    )


if __name__ == '__main__':
    main()
