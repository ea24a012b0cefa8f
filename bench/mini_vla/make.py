# SPDX-License-Identifier: Apache-2.0
"""Makes the mini model, or finds the one that was made by the same recipe: a quarter of an hour.

    PYTHONPATH=bench python3 -m mini_vla.make

prints the folder of its checkpoint, in the layout of OpenVLA's, as the last line.
"""

import argparse
from pathlib import Path
import shutil
import sys

import numpy as np
import torch

from mini_vla.demonstrations import Demonstrations, make_demonstrations
from mini_vla.recipe import load_recipe, Recipe, RECIPE_FILE
from mini_vla.training import MiniTraining
from parl_policy.compute.device import choose_float32_product
from parl_policy.episode.action_space import ACTION_DIM
from parl_vla.openvla.action_bins import action_statistics
from parl_vla.openvla.action_code import ActionCode, CLOSED, OPEN, UNITS
from parl_vla.openvla.checkpoint import CONFIG, write_checkpoint
from parl_vla.openvla.small_model import small_model

MODELS = Path('runs/mini_vla')
DATASET = 'mini'
"""The `unnorm_key` of the model's statistics."""
STILL = 0.01
"""A number of the actions whose range is less than this keeps still: what it holds is noise."""


def statistics(data: Demonstrations) -> dict[str, object]:
    """Return the action statistics of the demonstrations, as a checkpoint stores them."""
    moved = data.actions[~data.validation][:, :-1]
    low, high = np.quantile(moved, [0.01, 0.99], axis=0)
    is_still = high - low < STILL
    low, high = (np.where(is_still, 0.0, each) * UNITS for each in (low, high))
    return {
        'action': {
            'q01': [*low.tolist(), CLOSED],
            'q99': [*high.tolist(), OPEN],
            'mask': [True] * (ACTION_DIM - 1) + [False],
        }
    }


def demonstrations(recipe: Recipe, folder: Path) -> Demonstrations:
    """Return the demonstrations of a recipe, which are kept beside the models."""
    path = folder / f'demonstrations-{recipe.data_hash()[:16]}.npz'
    if not path.exists():
        make_demonstrations(recipe).save(path, recipe)
    return Demonstrations.load(path)


def make(recipe: Recipe, folder: Path) -> Path:
    """Return the folder of the checkpoint of a recipe; make it if it is not there."""
    model = folder / recipe.hash()[:16]
    if (model / CONFIG).exists():
        return model
    folder.mkdir(parents=True, exist_ok=True)
    data = demonstrations(recipe, folder)
    datasets = {DATASET: statistics(data)}
    torch.manual_seed(recipe.seed)
    network, files = small_model(recipe.model, recipe.instructions.values(), datasets)
    code = ActionCode(action_statistics(datasets, DATASET, ACTION_DIM), horizon=1)
    texts = list(recipe.instructions.values())
    training = MiniTraining(network, files, data, texts, code, recipe.training)
    training.run(lambda line: print(line, file=sys.stderr, flush=True))
    unfinished = model.with_suffix('.unfinished')
    write_checkpoint(unfinished, files, network.state_dict())
    shutil.rmtree(model, ignore_errors=True)
    return unfinished.rename(model)


def main() -> None:
    """Make the model."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--recipe', type=Path, default=RECIPE_FILE)
    parser.add_argument('--folder', type=Path, default=MODELS, help='where models are kept')
    asked = parser.parse_args()
    recipe = load_recipe(asked.recipe)
    torch.set_num_threads(2)  # nothing else runs meanwhile
    choose_float32_product()
    print(make(recipe, asked.folder).resolve())


if __name__ == '__main__':
    main()
