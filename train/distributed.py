"""One process or several: device, gradient sharing and a common clock, alone or under torchrun."""

import os

import torch
from torch.nn.parallel import DistributedDataParallel


class Workers:
    """The processes of a run; alone, every method is a no-op."""

    def __init__(self):
        self.count = int(os.environ.get("WORLD_SIZE", "1"))
        self.rank = int(os.environ.get("RANK", "0"))
        self.first = self.rank == 0
        local = int(os.environ.get("LOCAL_RANK", "0"))
        cuda = torch.cuda.is_available()
        self.device = torch.device(f"cuda:{local}" if cuda else "cpu")
        if cuda:
            torch.cuda.set_device(self.device)
        if self.count > 1:
            torch.distributed.init_process_group("nccl" if cuda else "gloo")

    def share(self, module):
        """The module whose gradients are averaged over all workers."""
        if self.count == 1:
            return module
        return DistributedDataParallel(
            module, gradient_as_bucket_view=True, broadcast_buffers=False
        )

    def wait(self):
        if self.count > 1:
            torch.distributed.barrier()

    def longest(self, seconds):
        """The longest of the workers' times."""
        if self.count == 1:
            return seconds
        shared = torch.tensor(seconds, device=self.device)
        torch.distributed.all_reduce(shared, torch.distributed.ReduceOp.MAX)
        return shared.item()

    def in_step(self, batches):
        """The batches, stopping for all workers as soon as one has no more."""
        for batch in batches:
            if self.all_have(True):
                yield batch
            else:
                return
        self.all_have(False)

    def all_have(self, more):
        if self.count == 1:
            return more
        shared = torch.tensor(int(more), device=self.device)
        torch.distributed.all_reduce(shared, torch.distributed.ReduceOp.MIN)
        return bool(shared.item())

    def close(self):
        if self.count > 1:
            torch.distributed.destroy_process_group()
