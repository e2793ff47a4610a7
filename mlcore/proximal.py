"""FedProx (Li et al. 2020, equation 2): a term of the local objective that holds the weights near the global model.

Written in arithmetic that every backend's arrays have, so that it needs no kernel of its own.
"""

from mlcore.workspace import Workspace


def add_proximal_gradient(space: Workspace, factor: float) -> None:
    """Add `factor` times the gradient of |w - w_global|^2 / 2, which is w - w_global, to the workspace's gradient."""
    pull = space.pull
    pull[...] = space.weights
    pull -= space.start
    pull *= factor
    space.gradient += pull
