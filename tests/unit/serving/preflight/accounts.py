"""An AWS account: moto's, and answers of ours where moto has none."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import botocore.session
from boto3 import Session
from botocore.awsrequest import AWSResponse
from botocore.loaders import create_loader

REGION = "us-east-1"

Answer = Mapping[str, Any] | Callable[[Mapping[str, Any]], Mapping[str, Any]]


_MODELS = create_loader()
"""Of AWS's services, which take a while to be read."""


def session(*keys: str) -> Session:
    core = botocore.session.Session()
    core.register_component("data_loader", _MODELS)
    return Session(*keys or ("key", "secret"), region_name=REGION, botocore_session=core)


class Fake:
    """`answers` has, by the operation's name, what AWS says, or says to what it is asked."""

    def __init__(self, answers: Mapping[str, Answer]) -> None:
        self.answers = dict(answers)
        self.asked: set[str] = set()
        """Actions, as policies name them."""
        self.session = session()
        self.session.events.register("before-parameter-build", self._asked_with)
        self.session.events.register("before-call", self._heard)

    def _asked_with(self, params: Mapping[str, Any], context: dict[str, Any], **_: Any) -> None:
        context["asked_with"] = params

    def _heard(self, model: Any, context: Mapping[str, Any], **_: Any) -> Any:
        self.asked.add(f"{model.service_model.signing_name}:{model.name}")
        answer = self.answers.get(model.name)
        if answer is None:
            return None
        said = answer(context["asked_with"]) if callable(answer) else answer
        return AWSResponse(model.name, 400 if "Error" in said else 200, {}, None), said


def error(code: str, message: str = "said") -> Mapping[str, Any]:
    return {"Error": {"Code": code, "Message": message}}


def make_spot_role(aws: Session) -> None:
    """As `create_service_linked_role` does, to which moto gives another name."""
    aws.client("iam").create_role(
        RoleName="AWSServiceRoleForEC2Spot",
        Path="/aws-service-role/spot.amazonaws.com/",
        AssumeRolePolicyDocument="{}",
    )
