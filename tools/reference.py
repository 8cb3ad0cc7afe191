"""Write `docs/reference/` from the code: schemas, fields, commands. `--check` only compares."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import typer
from pydantic import BaseModel

from serving.cli import app
from serving.contract.model import ModelContract
from serving.contract.schema import json_schema
from serving.settings import AwsSettings, LocalSettings, Settings
from serving.tenancy import Tenant
from serving_policies import RULES

FOLDER: Final = Path(__file__).parent.parent / "docs" / "reference"
NOTE: Final = "<!-- Written by `make docs` from the code. Do not edit. -->\n"


def pages() -> Mapping[str, str]:
    """File name → content."""
    return {
        "model.schema.json": json_schema(ModelContract, "Model contract"),
        "tenant.schema.json": json_schema(Tenant, "Tenant"),
        "model.md": fields_page(
            "The model contract",
            "One YAML file per model in `platform/models/`, checked by `serving model check`.",
            ModelContract,
        ),
        "tenant.md": fields_page(
            "The tenant", "One YAML file per tenant in `platform/tenants/`.", Tenant
        ),
        "settings.md": settings_page(),
        "cli.md": commands_page(),
        "policies.md": policies_page(),
    }


def fields_page(title: str, intro: str, kind: type[BaseModel]) -> str:
    return f"{NOTE}# {title}\n\n{intro}\n\n{_table(kind.model_json_schema())}"


def settings_page() -> str:
    intro = "Keys of `Pulumi.<stack>.yaml`, each written `serving:<key>`."
    page = f"{NOTE}# Stack settings\n\n{intro}\n"
    for title, kind, known in (
        ("Every stack", Settings, set()),
        ("With `target: aws`", AwsSettings, set(Settings.model_fields)),
        ("With `target: local`", LocalSettings, set(Settings.model_fields)),
    ):
        schema = kind.model_json_schema()
        own = {name: field for name, field in schema["properties"].items() if name not in known}
        page += f"\n## {title}\n\n{_table({**schema, 'properties': own})}"
    return page


def _table(schema: Mapping[str, Any]) -> str:
    rows = "".join(_rows(schema, schema.get("$defs", {}), ""))
    return f"| field | takes | default | meaning |\n|---|---|---|---|\n{rows}"


def _rows(schema: Mapping[str, Any], known: Mapping[str, Any], prefix: str) -> Iterator[str]:
    required = schema.get("required", ())
    for name, field in schema.get("properties", {}).items():
        path = f"{prefix}{name}"
        default = "**required**" if name in required else _default(field)
        yield f"| `{path}` | {_takes(field, known)} | {default} | {_cell(field)} |\n"
        for below, suffix in _inner(field, known):
            yield from _rows(below, known, f"{path}{suffix}")


def _inner(
    field: Mapping[str, Any], known: Mapping[str, Any]
) -> Iterator[tuple[Mapping[str, Any], str]]:
    """The sections a field holds, with what stands between its name and theirs."""
    for option in field.get("oneOf", field.get("anyOf", [field])):
        if "$ref" in option:
            section = _resolved(option, known)
            tag = _tag(section)
            yield section, f" ({tag})." if tag and "oneOf" in field else "."
        elif "$ref" in option.get("items", {}):
            yield _resolved(option["items"], known), "[]."
        else:
            for value in _values(option):
                for kind in value.get("oneOf", [value]):
                    section = _resolved(kind, known)
                    tag = f" ({_tag(section)})." if "oneOf" in value else "."
                    yield section, f".<name>{tag}"


def _values(mapping: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The sections that the entries of a mapping are."""
    by_pattern = mapping.get("patternProperties", {}).values()
    candidates = [mapping.get("additionalProperties"), *by_pattern]
    maps = [value for value in candidates if isinstance(value, Mapping)]
    return [value for value in maps if "$ref" in value or "oneOf" in value]


def _resolved(reference: Mapping[str, Any], known: Mapping[str, Any]) -> Mapping[str, Any]:
    section: Mapping[str, Any] = known[reference["$ref"].rpartition("/")[2]]
    return section


def _tag(section: Mapping[str, Any]) -> str | None:
    first: Mapping[str, Any] = next(iter(section.get("properties", {}).values()), {})
    return first.get("const")


def _takes(field: Mapping[str, Any], known: Mapping[str, Any]) -> str:
    if "$ref" in field:
        return _tag(_resolved(field, known)) or "section"
    options = field.get("oneOf", field.get("anyOf"))
    if options:
        kinds = [_takes(option, known) for option in options]
        return " or ".join(dict.fromkeys(f"{kind}" for kind in kinds if kind != "null"))
    if "enum" in field or "const" in field:
        return ", ".join(f"`{value}`" for value in field.get("enum", [field.get("const")]))
    kind = field.get("type", "any")
    if kind == "array":
        return f"list of {_takes(field['items'], known)}" if "items" in field else "list"
    if kind == "object":
        return "mapping"
    limits = [
        f"{sign} {field[key]:g}"
        for key, sign in (
            ("minimum", "≥"), ("exclusiveMinimum", ">"), ("maximum", "≤"), ("exclusiveMaximum", "<")
        )
        if key in field
    ]  # fmt: skip
    return " ".join([" or ".join(kind) if isinstance(kind, list) else kind, *limits])


def _default(field: Mapping[str, Any]) -> str:
    default = field.get("default")
    if isinstance(default, dict) or "default" not in field:
        return ""
    if isinstance(default, list) and all(isinstance(item, str) for item in default):
        default = sorted(default)
    return "none" if default is None else f"`{json.dumps(default)}`"


def _cell(field: Mapping[str, Any]) -> str:
    return str(field.get("description", "")).replace("\n", " ").replace("|", "\\|")


def commands_page() -> str:
    root = typer.main.get_command(app)
    return f"{NOTE}# The `serving` command\n\n" + "\n".join(_commands(root, "serving"))


def _commands(command: Any, words: str) -> Iterator[str]:
    """Click's commands, whose classes differ between releases of typer."""
    if subcommands := getattr(command, "commands", None):
        for name, below in subcommands.items():
            yield from _commands(below, f"{words} {name}")
        return
    usage = command.get_usage(command.context_class(command, info_name=words))
    text = " ".join(command.help.split())
    yield f"## `{words}`\n\n{text}\n\n```\n{usage.removeprefix('Usage: ')}\n```\n"
    rows = [
        f"| `{', '.join(parameter.opts)}` | {(parameter.help or '').replace('|', '&#124;')} |"
        for parameter in command.params
        if "--help" not in parameter.opts
    ]
    yield "| argument or option | meaning |\n|---|---|\n" + "\n".join(rows) + "\n"
    if command.epilog:
        yield f"{command.epilog}\n"


POLICIES: Final = """# Policies

What must hold of a stack, whoever changes it and whatever the settings say: the rules of the pack
in `policies/`. How to run it: [policies](../how-to/policies.md). A rule is mandatory in every stack
(a violation stops the preview and the update), or mandatory in prod and advisory elsewhere, which
stops nothing. A rule *of the stack* compares resources; the others look at one.
"""


def policies_page() -> str:
    rows = "".join(
        f"| `{rule.id}` | {rule.holds} | {rule.level}{', of the stack' if rule.stack else ''} | "
        f"{rule.risk} | {rule.fix} | {rule.source} |\n"
        for rule in sorted(RULES, key=lambda rule: rule.id)
    )
    heads = "| rule | holds when all is well | level | otherwise | fix | source |"
    return f"{NOTE}{POLICIES}\n{heads}\n|---|---|---|---|---|---|\n{rows}"


def main() -> None:
    stale = [
        name
        for name, text in pages().items()
        if not (FOLDER / name).is_file() or (FOLDER / name).read_text(encoding="utf-8") != text
    ]
    if "--check" in sys.argv[1:]:
        sys.exit(f"stale: {', '.join(stale)}; run `make docs`" if stale else 0)
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name in stale:
        (FOLDER / name).write_text(pages()[name], encoding="utf-8")


if __name__ == "__main__":
    main()
