"""Small sound contracts, as the text a person would write; tests change one thing in them."""

from __future__ import annotations

from serving.contract.check import Checked, check
from serving.contract.document import parse
from serving.contract.model import Environment, ModelContract

DIGITS = """\
name: digits
tenant: vision
description: Handwritten digits
workload: standard
runtime:
  engine: triton
  image: nvcr.io/nvidia/tritonserver:26.07-py3
  models:
    digits:
      backend: python
      inputs: {pixels: {type: FP32, shape: [4]}}
      outputs: {label: {type: INT64, shape: [1]}}
      max_batch_size: 16
      batching: {max_queue_delay_ms: 2}
      memory: {weights: 10Mi, per_sample: 1Mi}
      golden:
        - {inputs: {pixels: [0, 1, 2, 3.5]}, outputs: {label: [3]}}
resources: {gpus: 1, gpu_memory: 2Gi, cpu: 2, memory: 4Gi, instance_types: [g5.xlarge]}
health: {startup_seconds: 60}
slo: {p50_ms: 50, p99_ms: 250}
"""

JUDGE = """\
name: judge
tenant: language
description: A large judge
runtime:
  engine: vllm
  image: vllm/vllm-openai:v0.33.0
  model: hugging-quants/Meta-Llama-3.1-70B-Instruct-AWQ-INT4
  max_model_len: 4096
  max_tokens: 1024
  gpu_memory_utilization: 0.8
  tensor_parallel_size: 4
  weights: 40Gi
  kv_cache_per_token: 320Ki
resources:
  {gpus: 4, gpu_memory: 22Gi, cpu: 12, memory: 100Gi, instance_types: [g5.12xlarge]}
health: {startup_seconds: 960}
slo: {p50_ms: 5000, p99_ms: 30000}
"""


TICKETS = """\
name: tickets
tenant: language
description: Finds the queue that a support ticket belongs to
runtime:
  engine: triton
  image: nvcr.io/nvidia/tritonserver:26.07-py3
  models:
    tickets:
      backend: python
      inputs: {text: {type: BYTES, shape: [1]}}
      outputs: {label: {type: BYTES, shape: [1]}, probabilities: {type: FP32, shape: [5]}}
      memory: {weights: 10Mi, per_sample: 1Mi}
      golden:
        - {inputs: {text: [my password]}, outputs: {label: [access]}}
resources: {accelerator: cpu, cpu: 1, memory: 1Gi}
health: {startup_seconds: 60}
slo: {p50_ms: 50, p99_ms: 250}
rollout:
  evaluation:
    judge: http://127.0.0.1:9/v1
    model: judge-large
    questions:
      - {ask: my password does not work, reference: access}
      - {ask: where is my parcel, reference: delivery}
"""


def checked(text: str, environment: Environment = "dev", file: str = "contract") -> Checked:
    return check(parse(text.encode(), file), environment)


def sound(text: str) -> ModelContract:
    result = checked(text)
    assert result.contract is not None, "\n".join(map(str, result.problems))
    return result.contract


def with_change(text: str, old: str, new: str) -> str:
    assert text.count(old) == 1, f"{old!r} occurs {text.count(old)} times"
    return text.replace(old, new)
