"""Whatever keeps AWS from answering is said in words, with what to do."""

from __future__ import annotations

import pytest
from botocore.exceptions import (
    ClientError,
    ConnectTimeoutError,
    EndpointConnectionError,
    NoCredentialsError,
    NoRegionError,
    PartialCredentialsError,
    ProfileNotFound,
    ReadTimeoutError,
    UnauthorizedSSOTokenError,
)

from serving.preflight.unanswered import refused, why


def answer(code: str, message: str = "said") -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": message}}, "DescribeVpcs")


@pytest.mark.parametrize("code", ["AccessDenied", "AccessDeniedException", "UnauthorizedOperation"])
def test_a_permission_that_is_missing_is_named(code: str) -> None:
    assert why(answer(code)) == (
        "no permission for DescribeVpcs",
        "allow the caller what docs/how-to/check-an-account.md lists",
    )


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (NoCredentialsError(), "there are no credentials on this machine"),
        (answer("ExpiredToken", "It has expired"), "AWS does not take them: It has expired"),
        (
            PartialCredentialsError(provider="env", cred_var="AWS_SECRET_ACCESS_KEY"),
            "Partial credentials found in env, missing: AWS_SECRET_ACCESS_KEY",
        ),
        (answer("InvalidClientTokenId"), "AWS does not take them: said"),
        (answer("AuthFailure"), "AWS does not take them: said"),
        (ProfileNotFound(profile="nope"), "The config profile (nope) could not be found"),
        (
            UnauthorizedSSOTokenError(),
            "The SSO session associated with this profile has expired or is otherwise invalid. To "
            "refresh this SSO session run aws sso login with the corresponding profile.",
        ),
    ],
)
def test_bad_credentials_are_told_from_all_else(error: Exception, said: str) -> None:
    assert refused(error) == said
    assert why(error) == ("the credentials are not taken", "see credentials and region")


@pytest.mark.parametrize(
    "error",
    [
        ConnectTimeoutError(endpoint_url="https://ec2.us-east-1.amazonaws.com"),
        ReadTimeoutError(endpoint_url="https://ec2.us-east-1.amazonaws.com"),
        EndpointConnectionError(endpoint_url="https://ec2.us-east-1.amazonaws.com"),
    ],
)
def test_a_network_that_does_not_let_through_is_no_matter_of_credentials(error: Exception) -> None:
    said, do = why(error)
    assert refused(error) is None
    assert said.startswith("no answer: ")
    assert "https://ec2.us-east-1.amazonaws.com" in said
    assert do == "look at the network, and run it again"


def test_any_other_trouble_of_the_library_is_no_matter_of_credentials() -> None:
    assert refused(NoRegionError()) is None
    said, _ = why(NoRegionError())
    assert said == ("an answer that cannot be read: NoRegionError: You must specify a region.")


def test_too_many_requests_pass() -> None:
    assert why(answer("ThrottlingException"))[1] == "run it again in a minute"


def test_whatever_else_aws_says_is_passed_on_in_short() -> None:
    said, do = why(answer("InternalError", "Something\n\n  broke " * 100))
    assert said.startswith("AWS answers DescribeVpcs: Something broke Something broke")
    assert len(said) < 250
    assert do == "run it again"
