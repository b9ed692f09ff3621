"""Several processes that train one network, as `torchrun` starts them; alone, nothing here acts.

The processes hold equal weights, and each takes its share of every batch. `GradientAverager` makes
their gradients equal before the optimisers' step, so that their weights stay so. Collectives are
called by all of them in the same order.

Why not `DistributedDataParallel`: it averages in hooks of one forward and one backward pass. The
GAN step goes back through the discriminator twice, once for the picture's gradient alone, which
such hooks would take for a finished pass. Ours are on the weights' own gradients, which that pass
leaves alone.
"""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, TypeVar, cast

import torch
from torch import Tensor, nn
from torch import distributed as dist
from torch.utils.data import Dataset

from esrgan.errors import UserError

# Others may have to wait this long for the first process: a large checkpoint on a slow disk.
PATIENCE = timedelta(hours=1)
# Gradients are exchanged so many numbers at a time.
PART = 2**21

Item = TypeVar("Item")
Network = TypeVar("Network", bound=nn.Module)


@contextmanager
def processes(device: torch.device) -> Iterator[torch.device]:
    """Join the processes that torchrun started, and yield this one's device; alone, `device`.

    Raises:
        UserError: this machine has fewer GPUs than processes, or the device can't be shared.
    """
    if "WORLD_SIZE" not in os.environ:
        yield device
        return
    device = _own_device(device)
    backend = "cpu:gloo,cuda:nccl" if device.type == "cuda" else "gloo"
    dist.init_process_group(backend, timeout=PATIENCE)
    yield device
    dist.destroy_process_group()  # not after an error: the others may be waiting for a collective


def _own_device(device: torch.device) -> torch.device:
    if device.type == "cuda":
        own, there = int(os.environ.get("LOCAL_RANK", 0)), torch.cuda.device_count()
        if own >= there:
            raise UserError(
                f"This machine has {there} GPUs: give torchrun --nproc-per-node {there}."
            )
        device = torch.device("cuda", own)
        torch.cuda.set_device(device)
    elif device.type != "cpu":
        raise UserError(f"Several processes can't share {device}; use CUDA or the CPU.")
    return device


def restarted() -> bool:
    """Whether torchrun has started this process again after one of the processes failed."""
    return int(os.environ.get("TORCHELASTIC_RESTART_COUNT", 0)) > 0


def world_size() -> int:
    return dist.get_world_size() if dist.is_initialized() else 1


def rank() -> int:
    return dist.get_rank() if dist.is_initialized() else 0


def is_main() -> bool:
    """Whether this is the process that writes: the first, or the only one."""
    return rank() == 0


def local_share(whole: int) -> int:
    """This process's share of a batch of `whole` pictures."""
    return whole // world_size()


class Share(Dataset[Any]):
    """The samples of a numbered dataset that fall to this process: every n-th of n processes.

    However many processes there are, together they see the same pictures in each batch, and, where
    gradients are accumulated, in each part of it.
    """

    def __init__(self, whole: Dataset[Any]) -> None:
        self.whole = whole
        self.step, self.first = world_size(), rank()

    def __getitem__(self, number: int) -> Any:
        return self.whole[self.number_of(number)]

    def number_of(self, own: int) -> int:
        """The number, among all samples, of one of this process's."""
        return own * self.step + self.first


class _GlobalMean(torch.autograd.Function):
    """The mean over the processes of a tensor that each has its own of, with its gradient.

    Let L be the mean of the processes' losses L_r, m the mean of their m_r. Every L_r depends on m,
    so that Σ_s L_s has the gradient (1/n) Σ_s ∂L_s/∂m in m_r: what `backward` returns. Thus each
    process computes its part of the gradient of Σ_s L_s, and `GradientAverager`, which divides the
    sum of the parts by n, yields the gradient of L, as one process would.
    """

    @staticmethod
    def forward(_context: Any, own: Tensor) -> Tensor:
        return averaged(own)

    @staticmethod
    def backward(_context: Any, *gradients: Tensor) -> Tensor:
        return averaged(gradients[0])


def global_mean(values: Tensor) -> Tensor:
    """E[values] over the mini-batch of all processes, each with equally many: a scalar."""
    mean = values.mean()
    return _GlobalMean.apply(mean) if world_size() > 1 else mean


def averaged(own: Tensor) -> Tensor:
    """The mean over the processes, equal in all of them; no gradient flows."""
    if world_size() == 1:
        return own
    total = own.detach().clone()
    dist.all_reduce(total)
    return total / world_size()


class GradientAverager:
    """Replaces gradients by their means over the processes, in parts while the backward pass still
    computes others: the last layers' are ready first. Alone, nothing is done.

    Args:
        weights: in the order of the layers.
    """

    def __init__(self, weights: Sequence[nn.Parameter]) -> None:
        self._parts = _in_parts(list(weights)[::-1])
        self._part_of = {weight: n for n, part in enumerate(self._parts) for weight in part}
        self._missing: list[int] = []  # gradients, by part; none outside of a backward pass
        self._sent: list[tuple[list[Tensor], Tensor, dist.Work]] = []
        if world_size() > 1:
            for weight in weights:
                weight.register_post_accumulate_grad_hook(self._ready)

    def begin(self) -> None:
        """From now on gradients are complete when they have been added to."""
        self._missing = [len(part) for part in self._parts]

    def _ready(self, weight: Tensor) -> None:
        if self._missing:
            self._missing[self._part_of[cast(nn.Parameter, weight)]] -= 1
            while len(self._sent) < len(self._parts) and not self._missing[len(self._sent)]:
                self._send()

    def _send(self) -> None:
        """The next part: in the same order in all processes, whichever is ready first."""
        weights = self._parts[len(self._sent)]
        gradients = [weight.grad for weight in weights if weight.grad is not None]
        together = torch.cat([gradient.flatten() for gradient in gradients or [torch.zeros(1)]])
        work = dist.all_reduce(together, async_op=True)
        assert work is not None  # this process is one of the group's
        self._sent.append((gradients, together, work))

    def finish(self) -> None:
        """Wait for all of them."""
        if world_size() == 1:
            return
        while len(self._sent) < len(self._parts):
            self._send()
        for gradients, together, work in self._sent:
            work.wait()
            together /= world_size()
            start = 0
            for gradient in gradients:
                part = together[start : start + gradient.numel()]
                gradient.copy_(part.view(gradient.shape))
                start += gradient.numel()
        self._missing, self._sent = [], []


def _in_parts(weights: Sequence[nn.Parameter]) -> list[list[nn.Parameter]]:
    """One after the other, each of `PART` numbers or a little more."""
    parts: list[list[nn.Parameter]] = []
    room = 0
    for weight in weights:
        if room <= 0:
            parts.append([])
            room = PART
        parts[-1].append(weight)
        room -= weight.numel()
    return parts


def highest(own: int) -> int:
    """The highest number of any process. It goes over the CPU: no device is waited for."""
    if world_size() == 1:
        return own
    numbers = torch.tensor(own)
    dist.all_reduce(numbers, dist.ReduceOp.MAX)
    return int(numbers)


class Vote:
    """The highest wish of any process, which is 0 where it has none. No process waits for the
    others at its step: with several, the answer is that of the step before."""

    def __init__(self) -> None:
        self._asked: tuple[dist.Work, Tensor] | None = None

    def __call__(self, own: int) -> int:
        if world_size() == 1:
            return own
        answer = self.end()
        # What is granted is not wished for again; over the CPU, so that no device is waited for.
        number = torch.tensor(0 if own == answer else own)
        work = dist.all_reduce(number, dist.ReduceOp.MAX, async_op=True)
        assert work is not None  # this process is one of the group's
        self._asked = work, number
        return answer

    def end(self) -> int:
        """Wait for the answer that is still out, if there is one."""
        asked, self._asked = self._asked, None
        if asked is None:
            return 0
        work, number = asked
        work.wait()
        return int(number)


def gathered(own: Item) -> list[Item]:
    """Gather a value from each process, in their order, in all of them."""
    if world_size() == 1:
        return [own]
    found: list[Any] = [None] * world_size()
    dist.all_gather_object(found, own)
    return found


def check_agreement(start: int) -> None:
    """Raise UserError unless all processes are at the same iteration."""
    if len(set(gathered(start))) > 1:
        raise UserError(
            "The processes do not see the same checkpoint: --out must be a folder that all "
            "machines share."
        )


def synchronised(network: Network, device: torch.device) -> Network:
    """The network, its batch normalisation over the mini-batch of all processes.

    Raises:
        UserError: PyTorch can't do that on this device.
    """
    normalised = any(isinstance(part, nn.BatchNorm2d) for part in network.modules())
    if world_size() == 1 or not normalised:
        return network
    if device.type != "cuda":
        raise UserError(
            "PyTorch synchronises batch normalisation between processes on CUDA only: "
            "train in one process, or without it (discriminator_batch_norm=false)."
        )
    return nn.SyncBatchNorm.convert_sync_batchnorm(network)
