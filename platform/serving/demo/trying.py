"""What to try on a stack that the demo has left running: lines that work as they are."""

from __future__ import annotations

import json
from typing import Final

from serving.demo.preparing import Ready
from serving.demo.scenario import MODEL
from serving.demo.stage import contract_file
from serving.registry.model_file import read

_TEXT: Final = """
The stack runs on. Try next:

export TOKEN=$({serving} local token {tenant} --stack {stack})
curl -s http://{gateway}/v2/models/{model}/infer -H 'Host: {model}.localhost' \\
  -H "Authorization: Bearer $TOKEN" -d @{request}

{python} - <<'END'
import os, numpy as np, tritonclient.grpc as triton
digits = np.load("{samples}")
image = triton.InferInput("image", [1, 8, 8], "FP32").set_data_from_numpy(digits["image"][:1])
args = [("grpc.default_authority", "{model}.localhost")]
client = triton.InferenceServerClient("{gateway}", channel_args=args)
bearer = {{"authorization": "Bearer " + os.environ["TOKEN"]}}
print(client.infer("{model}", [image], headers=bearer).as_numpy("label"), digits["label"][:1])
END

{serving} promote run {model}=5 --stack {stack}     # a version that answers wrong
{serving} promote history --in {promotions}
{serving} dashboard --stack {stack}
{serving} local status --stack {stack}
{serving} local down --stack {stack} --purge
"""


def what_to_try(ready: Ready, serving: str, python: str) -> str:
    """`serving` and `python`: as they are typed from here."""
    import numpy as np

    place = ready.place
    samples = ready.examples / MODEL / "held-out.npz"
    with np.load(samples) as columns:
        image = columns["image"][:1]
    tensor = {"name": "image", "shape": [1, 8, 8], "datatype": "FP32", "data": image.tolist()}
    request = ready.folder / "request.json"
    request.write_text(json.dumps({"inputs": [tensor]}))
    return _TEXT.format(
        serving=serving,
        python=python,
        model=MODEL,
        tenant=read(contract_file(place, MODEL)).contract.tenant,
        stack=place.name,
        gateway=ready.gateway,
        request=request,
        samples=samples,
        promotions=place.promotions,
    )
