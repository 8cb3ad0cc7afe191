from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from serving import catalog
from serving.errors import InputError


@pytest.fixture
def platform(tmp_path: Path) -> Path:
    """A copy of the models and tenants of this repository."""
    copy = tmp_path / "platform"
    for kind in ("models", "tenants"):
        shutil.copytree(catalog.PLATFORM / kind, copy / kind)
    return copy


def edit(file: Path, old: str, new: str) -> None:
    text = file.read_text(encoding="utf-8")
    assert old in text
    file.write_text(text.replace(old, new), encoding="utf-8")


def refusal(platform: Path) -> str:
    with pytest.raises(InputError) as refused:
        catalog.load("prod", platform)
    return str(refused.value)


@pytest.mark.parametrize("environment", ["dev", "prod"])
def test_the_models_and_tenants_of_this_repository_agree(environment: str) -> None:
    known = catalog.load(environment)  # type: ignore[arg-type]
    assert known.models.keys() == {path.stem for path in catalog.PLATFORM.glob("models/*.yaml")}
    assert known.tenants.keys() == {path.stem for path in catalog.PLATFORM.glob("tenants/*.yaml")}


def test_each_model_belongs_to_one_tenant() -> None:
    known = catalog.load("prod")
    owned = [model.name for tenant in known.tenants for model in known.models_of(tenant)]
    assert sorted(owned) == sorted(known.models)


def test_a_model_of_nobody_is_refused_where_it_says_so(platform: Path) -> None:
    edit(platform / "models/digits.yaml", "tenant: vision", "tenant: visoin")
    assert refusal(platform) == (
        "platform/models/digits.yaml:3:1: tenant: is not a tenant, got visoin, expected one of "
        "clinic, language, shop, vision, do: add platform/tenants/visoin.yaml"
    )


def test_a_quota_that_is_too_small_is_refused_where_it_stands(platform: Path) -> None:
    edit(platform / "tenants/language.yaml", "gpus: 6", "gpus: 2")
    assert refusal(platform) == (
        "platform/tenants/language.yaml:5:20: quota.gpus: is too small for the tenant's models "
        "in prod, got 2, expected ≥ 5 (assistant 5), do: raise the quota or lower the models' "
        "max_replicas"
    )


def test_a_quota_that_does_for_dev_is_taken_there(platform: Path) -> None:
    edit(platform / "tenants/language.yaml", "gpus: 6", "gpus: 2")
    assert catalog.load("dev", platform).tenants["language"].quota.gpus == 2


def test_too_many_models_are_refused(platform: Path) -> None:
    edit(platform / "tenants/vision.yaml", "models: 4", "models: 1")
    assert "quota.models: is too small" in refusal(platform)


def test_every_mistake_of_every_file_is_said_at_once(platform: Path) -> None:
    edit(platform / "tenants/vision.yaml", "team: vision", "tem: vision")
    edit(platform / "tenants/shop.yaml", "name: shop", "name: store")
    said = refusal(platform)
    assert "platform/tenants/shop.yaml:2:1: name: is not the name of the file" in said
    assert "platform/tenants/vision.yaml:3:1: tem: is not a known field" in said


def test_models_are_checked_before_they_are_counted(platform: Path) -> None:
    edit(platform / "models/digits.yaml", "tenant: vision", "tenant: visoin\nspeed: 9")
    assert "speed: is not a known field" in refusal(platform)


def test_a_folder_that_is_missing_is_not_taken_for_an_empty_one(platform: Path) -> None:
    shutil.rmtree(platform / "tenants")
    assert "is not a folder" in refusal(platform)
