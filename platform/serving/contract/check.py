"""Is this contract sound? Every problem at once, each where it stands."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from serving.contract.document import Document, read
from serving.contract.model import Environment, ModelContract, contract_digest
from serving.contract.problem import DocumentError, JsonPath, Problem
from serving.contract.reading import typed_as_far_as_possible
from serving.contract.rules import Finding, Rule, rules_for


@dataclass(frozen=True, kw_only=True)
class Checked:
    contract: ModelContract | None
    """None as soon as there is a problem."""
    problems: tuple[Problem, ...] = ()
    notices: tuple[Problem, ...] = ()


def load(path: Path, environment: Environment = "dev") -> ModelContract:
    """A sound contract. Raises DocumentError with every problem."""
    checked = check(read(path), environment)
    if checked.contract is None:
        raise DocumentError(checked.problems)
    return checked.contract


def check(
    document: Document, environment: Environment, tenants: Collection[str] | None = None
) -> Checked:
    """`tenants` are those there are; None where that is not known."""
    contract, problems, left_out = typed_as_far_as_possible(document, ModelContract)
    rules = rules_for(environment) + (() if problems else (_versions,))
    found = [
        finding
        for rule in rules
        for finding in _found(rule, contract, partial=bool(problems))
        if not any(_overlap(field, bad) for field in finding.fields for bad in left_out)
    ]
    wrong = [_placed(finding, document) for finding in found if not finding.notice]
    wrong += [*problems, *_misnamed(contract, document), *_ownerless(contract, document, tenants)]
    return Checked(
        contract=None if wrong else contract,
        problems=_in_order(wrong),
        notices=_in_order(_placed(finding, document) for finding in found if finding.notice),
    )


def _found(rule: Rule, contract: ModelContract, *, partial: bool) -> list[Finding]:
    try:
        return list(rule(contract))
    except AttributeError:
        if not partial:
            raise
        return []


def _in_order(
    problems: Iterable[Problem],
) -> tuple[Problem, ...]:
    return tuple(sorted(problems, key=lambda problem: problem.position))


def _overlap(field: JsonPath, bad: JsonPath) -> bool:
    shorter = min(len(field), len(bad))
    return field[:shorter] == bad[:shorter]


def _placed(finding: Finding, document: Document) -> Problem:
    return document.problem(
        finding.fields[0],
        finding.what,
        got=finding.got,
        expected=finding.expected,
        do=finding.do,
    )


def _misnamed(contract: ModelContract, document: Document) -> Iterator[Problem]:
    file = Path(document.file)
    if file.suffix in (".yaml", ".yml") and getattr(contract, "name", file.stem) != file.stem:
        yield document.problem(
            ("name",),
            "is not the name of the file",
            got=contract.name,
            expected=file.stem,
            do="rename the file or the model",
        )


def _ownerless(
    contract: ModelContract, document: Document, tenants: Collection[str] | None
) -> Iterator[Problem]:
    tenant = getattr(contract, "tenant", None)
    if tenants is not None and tenant is not None and tenant not in tenants:
        yield document.problem(
            ("tenant",),
            "is no tenant",
            got=tenant,
            expected=f"one of {', '.join(sorted(tenants))}",
            do="correct it, or add the tenant's file",
        )


def _versions(contract: ModelContract) -> Iterator[Finding]:
    for number in contract.versions:
        path: JsonPath = ("versions", str(number), "overrides")
        try:
            contract.at(number)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"])
            yield Finding(fields=(path, ("runtime",)), what=f"{where}: {first['msg'].lower()}")
            return
    newest = max(contract.published, default=None)
    if newest and contract.published[newest].contract != contract_digest(contract, newest):
        yield Finding(
            fields=(("runtime",), ("resources",), ("versions",)),
            what=f"what reaches the server has changed since version {newest} was published",
            do=f"publish version {newest + 1}, so that the change is canaried too",
            notice=True,
        )
