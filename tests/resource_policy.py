"""What the policy of a bucket, a key or a file system says to a request, before IAM is asked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Literal, TypeAlias

from tests.iam import Call, Document, allows, listed, statements

Verdict: TypeAlias = Literal["allow", "deny", "nothing"]

ANYTHING: Final = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}],
}


def verdict(policy: Document, principal: Mapping[str, str], call: Call) -> Verdict:
    """`principal` as a policy names it: `{"AWS": arn}`, `{"Service": name}`; `{}` is anonymous."""
    said = {
        "Version": policy["Version"],
        "Statement": [
            {key: value for key, value in statement.items() if key != "Principal"}
            for statement in statements(policy)
            if _named(statement["Principal"], principal)
        ],
    }
    if not allows([said, ANYTHING], call):
        return "deny"
    return "allow" if allows(said, call) else "nothing"


def _named(named: Any, principal: Mapping[str, str]) -> bool:
    if named == "*" or "*" in listed(named.get("AWS", [])):
        return True
    return any(name in listed(named.get(kind, [])) for kind, name in principal.items())
