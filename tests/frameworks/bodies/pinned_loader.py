"""A DataLoader with pinned memory: what goes to the device comes back unchanged, whoever loaded it.

Argument: how workers are made (none, fork or spawn).
"""

from __future__ import annotations

import sys

import torch
from torch.utils.data import DataLoader, Dataset


class Rows(Dataset[tuple[torch.Tensor, int]]):
    def __len__(self) -> int:
        return 96

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
        generator = torch.Generator().manual_seed(index)
        return torch.randint(256, (3, 40, 41), dtype=torch.uint8, generator=generator), index


def main() -> None:
    way = sys.argv[1]
    torch.cuda.init()
    workers = {"num_workers": 0} if way == "none" else {"num_workers": 2, "multiprocessing_context": way}
    seen = 0
    for rows, numbers in DataLoader(Rows(), batch_size=16, pin_memory=True, **workers):
        assert rows.is_pinned()
        assert numbers.is_pinned()
        there = rows.to("cuda", non_blocking=True)
        back = there.cpu()
        assert torch.equal(back, rows)
        assert back[0].equal(Rows()[int(numbers[0])][0])
        seen += len(back)
    assert seen == len(Rows())
    print(f"{seen} rows came back unchanged, workers: {way}")  # noqa: T201


if __name__ == "__main__":
    main()
