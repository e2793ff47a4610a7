"""Multiplies large matrices on the GPU that the job was given, and tells how fast that is."""

import json
import sys
import time

import torch

SIZE = 5000
TURNS = 10


def main() -> None:
    if not torch.cuda.is_available():
        sys.exit("PyTorch finds no GPU here; submit with --gpus 1, and see that the node's index has wheels with CUDA")
    print(f"{torch.cuda.get_device_name()}, PyTorch {torch.__version__}", flush=True)
    a, b = torch.randn(SIZE, SIZE, device="cuda"), torch.randn(SIZE, SIZE, device="cuda")
    torch.mm(a, b)  # the first one also loads the library
    torch.cuda.synchronize()
    for turn in range(1, TURNS + 1):
        started_at = time.perf_counter()
        torch.mm(a, b)
        torch.cuda.synchronize()
        tflops = 2 * SIZE**3 / (time.perf_counter() - started_at) / 1e12
        print("PROGRESS: " + json.dumps({"step": turn, "tflops": tflops}), flush=True)


if __name__ == "__main__":
    main()
