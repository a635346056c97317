"""One of two processes of batch norm over gloo, for test_biggan_module.py; imports little: a child pays for it."""

import os
import sys

import torch
import torch.distributed as dist

from zoo.networks.biggan_layers import BatchNorm2d


def replica(rank: int, folder: str, x: torch.Tensor, cotangent: torch.Tensor) -> None:
    os.environ["GLOO_SOCKET_IFNAME"] = "lo" if sys.platform == "linux" else "lo0"  # no name resolution
    dist.init_process_group("gloo", init_method=f"file://{folder}/store", rank=rank, world_size=2)
    norm, mine = normed(sync=True), x[rank::2].requires_grad_()
    y = norm(mine)
    (y * cotangent[rank::2]).sum().backward()
    grads = [norm.weight.grad, norm.bias.grad]
    for grad in grads:
        dist.all_reduce(grad)
    torch.save([y, mine.grad, *grads, norm.running_mean, norm.running_var], f"{folder}/{rank}.pt")
    dist.destroy_process_group()


def normed(sync: bool) -> BatchNorm2d:
    norm = BatchNorm2d(3, affine=True).double()
    norm.sync = sync
    with torch.no_grad():
        norm.weight.copy_(torch.tensor([0.5, 1.0, -2.0]))
    return norm
