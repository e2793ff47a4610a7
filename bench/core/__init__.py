"""The numerical core beside scikit-learn, PyTorch and JAX: one training task of four kinds."""
