"""What both PyTorch contestants share: the model, its optimizer, and the loop over the batches."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import torch

from bench.core.works import Floats, Work
from mlcore.mlp import layer_views

Step = Callable[[Any, Any], Any]


def perceptron(layers: tuple[int, ...]) -> Any:
    """Linear layers with ReLU between them."""
    modules: list[Any] = []
    for below, above in pairwise(layers):
        modules += [torch.nn.Linear(below, above), torch.nn.ReLU()]
    return torch.nn.Sequential(*modules[:-1])


def optimizer_for(work: Work, model: Any) -> Any:
    """The work's optimizer in PyTorch's quickest form."""
    settings = work.settings
    if settings.optimizer == "adam":
        return torch.optim.Adam(model.parameters(), lr=settings.eta, fused=True)
    momentum = settings.momentum if settings.optimizer == "sgd" else 0.0
    return torch.optim.SGD(model.parameters(), lr=settings.eta, momentum=momentum, fused=True)


def trainer(work: Work, threads: int, loss: Callable[[Any, Any, Any], Any]) -> Callable[[], Floats]:
    """Return what runs the work once; `loss(model, x, y)` is what is differentiated."""
    torch.set_num_threads(threads)
    x, y = (torch.from_numpy(each) for each in work.rows_and_classes)
    model = perceptron(work.settings.layers)

    def train() -> Floats:
        write(work.model, model, work.settings.layers)
        optimizer = optimizer_for(work, model)
        for order in work.orders():
            shuffled = (x, y) if work.batch == work.rows else (x[order], y[order])
            for batch_x, batch_y in zip(*(each.split(work.batch) for each in shuffled), strict=True):
                optimizer.zero_grad(set_to_none=True)
                loss(model, batch_x, batch_y).backward()
                optimizer.step()
        return read(model)

    return train


def cross_entropy(work: Work) -> Callable[[Any, Any, Any], Any]:
    """The loss that the work's gradient is of: summed for `gd`, else the mean of the batch."""
    reduction = "sum" if work.settings.optimizer == "gd" else "mean"
    return lambda model, x, y: torch.nn.functional.cross_entropy(model(x), y, reduction=reduction)


def write(flat: Floats, model: Any, layers: tuple[int, ...]) -> None:
    """Set the model's parameters to a flat vector of mlcore.mlp's layout."""
    linear = [module for module in model if isinstance(module, torch.nn.Linear)]
    with torch.no_grad():
        for module, matrix in zip(linear, layer_views(flat, layers), strict=True):
            module.weight.copy_(torch.from_numpy(matrix[:, :-1].copy()))
            module.bias.copy_(torch.from_numpy(matrix[:, -1].copy()))


def read(model: Any) -> Floats:
    """The model's parameters as a flat vector of mlcore.mlp's layout."""
    linear = [module for module in model if isinstance(module, torch.nn.Linear)]
    matrices = [np.column_stack([m.weight.detach().numpy(), m.bias.detach().numpy()]) for m in linear]
    flat: Floats = np.concatenate([matrix.ravel() for matrix in matrices])
    return flat
