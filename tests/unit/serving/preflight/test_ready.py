"""What people have to have ready: the gateway's certificate, the values of secrets."""

from __future__ import annotations

import pytest

from serving.preflight import ready
from serving.preflight.finding import Finding, Outcome
from serving.preflight.ready import Certificate, Secret
from tests.unit.serving.preflight.prepared import OURS, stack


def certificate(
    domain: str = "*.inference.example.com", status: str = "ISSUED", type_: str = "AMAZON_ISSUED"
) -> Certificate:
    return Certificate(domain=domain, arn="arn:cert", status=status, type=type_)


@pytest.mark.parametrize("type_", ["AMAZON_ISSUED", "IMPORTED"])
def test_a_certificate_that_is_issued_for_the_domain_is_well(type_: str) -> None:
    others = [certificate(status="EXPIRED"), certificate("*.example.com")]
    (found,) = ready.certificate(stack(), [*others, certificate(type_=type_)])
    assert (found.outcome, found.about) == (Outcome.PASS, "*.inference.example.com")


REQUEST = (
    "aws acm request-certificate --region us-east-1 --domain-name '*.inference.example.com' "
    "--validation-method DNS"
)


@pytest.mark.parametrize(
    ("there", "said", "do"),
    [
        ([], "ACM has no certificate in us-east-1", REQUEST),
        ([certificate("inference.example.com")], "ACM has no certificate in us-east-1", REQUEST),
        (
            [certificate("*.dev.inference.example.com")],
            "ACM has no certificate in us-east-1",
            REQUEST,
        ),
        ([certificate(type_="PRIVATE")], "ACM has no certificate in us-east-1", REQUEST),
        ([certificate(status="EXPIRED")], "its certificate is expired", REQUEST),
        (
            [certificate(status="PENDING_VALIDATION"), certificate(status="FAILED")],
            "waits for its domain to be validated",
            "put the record into DNS that this tells: aws acm describe-certificate --region "
            "us-east-1 --certificate-arn arn:cert",
        ),
    ],
)
def test_a_certificate_that_the_program_would_not_find_is_told(
    there: list[Certificate], said: str, do: str
) -> None:
    (found,) = ready.certificate(stack(), there)
    assert (found.outcome, found.said, found.do) == (Outcome.FAIL, said, do)


def secret(found: Secret | None, key: str = "grafana") -> Finding:
    (said,) = ready.secret(stack(secrets={"grafana": "…", "other": "…"}), key, found)
    return said


THERE = Secret(has_value=True, deleted=False, tags=OURS)
PUT = (
    "aws secretsmanager put-secret-value --region us-east-1 --secret-id serving-prod/{} "
    "--secret-string …"
)


def test_a_secret_with_a_value_is_well() -> None:
    said = secret(THERE)
    assert (said.outcome, said.about, said.do) == (Outcome.PASS, "serving-prod/grafana", None)


def test_a_secret_that_the_first_update_makes_is_told_when_to_fill() -> None:
    said = secret(None)
    assert said.outcome is Outcome.PASS
    assert said.said == (
        "the first update makes it, and some twenty minutes later waits for its value"
    )
    assert said.do == f"as soon as it is there: {PUT.format('grafana')}"


def test_a_secret_that_up_would_wait_for_in_vain_is_told() -> None:
    said = secret(Secret(has_value=False, deleted=False, tags=OURS))
    assert (said.outcome, said.do) == (Outcome.FAIL, PUT.format("grafana"))


def test_a_secret_that_up_does_not_wait_for_may_be_filled_later() -> None:
    said = secret(Secret(has_value=False, deleted=False, tags=OURS), key="other")
    assert (said.outcome, said.do) == (Outcome.PASS, PUT.format("other"))
    first = secret(None, key="other")
    assert first.said == "the first update makes it"


def test_a_deleted_secret_that_keeps_its_name_is_told() -> None:
    said = secret(Secret(has_value=True, deleted=True, tags=OURS))
    assert said.outcome is Outcome.FAIL
    assert said.said == "was deleted and keeps its name, so that it cannot be made again"


def test_a_secret_of_somebody_else_is_told() -> None:
    said = secret(Secret(has_value=True, deleted=False, tags={"Project": "other"}))
    assert said.outcome is Outcome.FAIL
    assert said.said == "is there and not of this stack, which would make one of that name"
