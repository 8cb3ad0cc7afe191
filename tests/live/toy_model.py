"""A model.py for Triton: sleeps at each execution, answers how many executions there have been."""

from __future__ import annotations

import json
import time

import numpy as np
import triton_python_backend_utils as pb_utils


class TritonPythonModel:
    def initialize(self, args):
        parameters = json.loads(args["model_config"])["parameters"]
        self.seconds = float(parameters["sleep_ms"]["string_value"]) / 1000
        self.executions = 0
        time.sleep(float(parameters["load_ms"]["string_value"]) / 1000)

    def execute(self, requests):
        time.sleep(self.seconds)
        self.executions += 1
        inputs = [pb_utils.get_input_tensor_by_name(request, "x") for request in requests]
        return [
            pb_utils.InferenceResponse([pb_utils.Tensor("executions", self._answer(tensor))])
            for tensor in inputs
        ]

    def _answer(self, tensor):
        return np.full((len(tensor.as_numpy()), 1), self.executions, dtype=np.int64)
