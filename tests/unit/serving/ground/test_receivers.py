from __future__ import annotations

from serving.ground.receivers import receivers
from serving.promotion.events import Grafana, Webhook


def test_nobody_is_told_unless_named() -> None:
    assert receivers(print, {}) == ()


def test_both_are_told_where_both_are_named() -> None:
    environment = {
        "SERVING_WEBHOOK": "https://hooks.example.com/T1",
        "SERVING_GRAFANA": "https://grafana.example.com",
        "SERVING_GRAFANA_TOKEN": "glsa_1",
    }
    assert receivers(print, environment) == (
        Webhook(url="https://hooks.example.com/T1"),
        Grafana(address="https://grafana.example.com", token="glsa_1"),
    )


def test_an_address_without_its_token_is_told_of_and_stops_nothing() -> None:
    told: list[str] = []
    assert receivers(told.append, {"SERVING_GRAFANA": "https://grafana.example.com"}) == ()
    assert told[0].startswith("SERVING_GRAFANA is set, but not SERVING_GRAFANA_TOKEN")
