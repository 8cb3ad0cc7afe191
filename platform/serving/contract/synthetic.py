"""A request that shows whether a version still answers: servers that hang or lost their backend
go on to say that they are healthy."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Final

from serving.contract.model import ModelContract
from serving.contract.runtime import TritonModel, TritonRuntime
from serving.contract.tensor_data import flat, shape_of

NO_JSON: Final = frozenset(("FP16", "BF16"))
"""Types that Triton neither reads from JSON nor writes to it."""


@dataclass(frozen=True, kw_only=True)
class SyntheticRequest:
    path: str
    body: str
    """JSON; to be posted."""


def synthetic_request(
    contract: ModelContract, version: int | None = None
) -> SyntheticRequest | None:
    """The first golden request of an effective contract, for Triton; None where it has none.

    With a version no other one answers it, and it counts as the request of a caller would: no step
    of an ensemble is asked by itself.
    """
    runtime = contract.runtime
    if not isinstance(runtime, TritonRuntime):
        return None
    versions = "" if version is None else f"/versions/{version}"
    steps = sorted(runtime.models.keys() - set(runtime.reached)) if version is None else ()
    for name in (*runtime.reached, *steps):
        model = runtime.models[name]
        if model.golden and _in_json(model):
            return SyntheticRequest(path=f"/v2/models/{name}{versions}/infer", body=_body(model))
    return None


def _in_json(model: TritonModel) -> bool:
    tensors = (*model.inputs.values(), *model.outputs.values())
    return NO_JSON.isdisjoint(tensor.type for tensor in tensors)


def _body(model: TritonModel) -> str:
    batch = [1] if model.max_batch_size else []
    inputs = [
        {
            "name": name,
            "datatype": model.inputs[name].type,
            "shape": [*batch, *shape_of(values)],
            "data": list(flat(values)),
        }
        for name, values in model.golden[0].inputs.items()
    ]
    return json.dumps({"inputs": inputs}, separators=(",", ":"))
