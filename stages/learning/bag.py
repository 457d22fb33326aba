"""The weighted sum of table rows per bag, and its gradient in one pass: torch's own sorts all rows first."""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
import torch
from torch import Tensor
from torch.nn import functional


def weighted_bag(rows: Tensor, table: Tensor, weights: Tensor) -> Tensor:
    """[bags, width]: the sum of ``table`` [n, width] at ``rows`` int64 [bags, k], each times ``weights`` [bags, k].

    The weights are given, not learned: no gradient leads to them.
    """
    if table.is_cuda:
        return functional.embedding_bag(rows, table, mode="sum", per_sample_weights=weights.to(table.dtype))
    result: Tensor = _WeightedBag.apply(rows, table, weights)  # type: ignore[no-untyped-call]
    return result


class _WeightedBag(torch.autograd.Function):
    @staticmethod
    def forward(context: Any, rows: Tensor, table: Tensor, weights: Tensor) -> Tensor:
        context.save_for_backward(rows, weights)
        context.size = table.shape[0]
        return functional.embedding_bag(rows, table, mode="sum", per_sample_weights=weights.to(table.dtype))

    @staticmethod
    def backward(context: Any, *gradients: Tensor) -> tuple[None, Tensor, None]:
        rows, weights = context.saved_tensors
        gradient = gradients[0].float().contiguous().numpy()
        result = np.zeros((context.size, gradient.shape[1]), np.float32)
        _add(rows.numpy(), weights.float().numpy(), gradient, result)
        return None, torch.from_numpy(result), None


@numba.njit(cache=True, nogil=True, fastmath=True)
def _add(rows, weights, gradient, result):  # type: ignore[no-untyped-def]
    for bag in range(rows.shape[0]):
        for k in range(rows.shape[1]):
            weight, row = weights[bag, k], rows[bag, k]
            if weight != 0:
                for c in range(result.shape[1]):
                    result[row, c] += weight * gradient[bag, c]
