"""The page in a real browser, over a real Prometheus that is fed with a morning's history."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Literal, TypeAlias

import pytest

from serving.dashboard.question import QUEUE, questions
from serving.dashboard.server import Dashboard, serving
from serving.dashboard.source import Sources
from serving.dashboard.traffic import traffic
from serving.promotion.prometheus import Failed, Prometheus
from tests.chromium import Browser, Page, chromium, found
from tests.live.prometheus import Server, with_history
from tests.live.story import Morning
from tests.unit.serving.dashboard.pages import Running
from tests.unit.serving.promotion.recorded import recorded, simulated, started
from tests.unit.serving.promotion.windows import contract

pytestmark = pytest.mark.live

Scheme: TypeAlias = Literal["light", "dark"]
LOOKS: tuple[tuple[int, Scheme], ...] = (
    (1280, "light"), (1280, "dark"), (390, "light"), (390, "dark"),
)  # fmt: skip
ENTER, RIGHT = ("Enter", 13, "\r"), ("ArrowRight", 39)
FIRES = {
    "alert": "LatencyBudgetBurnsFast",
    "expr": "vector(1)",
    "labels": {"model": "digits", "severity": "page"},
    "annotations": {"summary": "digits breaks its promise"},
}
DRAWN = """
[...document.querySelectorAll('#charts canvas')].filter((canvas) =>
  canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data.some(Boolean)
).length
"""


@pytest.fixture(scope="module")
def morning(tmp_path_factory: pytest.TempPathFactory) -> Morning:
    return Morning(tmp_path_factory.mktemp("journals"))


@pytest.fixture(scope="module")
def history(morning: Morning, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with with_history(tmp_path_factory.mktemp("prometheus"), morning.exporters, [FIRES]) as server:
        yield server


@pytest.fixture(scope="module")
def sources(morning: Morning, history: Server) -> Sources:
    digits = contract()
    tickets = digits.model_copy(update={"name": "tickets", "tenant": "language"})
    return Sources(
        stack="local",
        prometheus=history.url,
        scrape_seconds=15.0,
        journals=morning.journals,
        contracts=lambda: {"digits": digits, "tickets": tickets},
        processes=lambda: [Running(), Running(name="digits-2-1", kind="triton")],
        held=lambda model: model == "digits",
        clock=lambda: morning.now,
    )


@pytest.fixture(scope="module")
def server(sources: Sources) -> Iterator[Dashboard]:
    with serving(sources, 0) as server:
        yield server


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    if found() is None:
        pytest.skip("no Chromium is here: `make setup` gets it, where the distribution has it")
    with chromium(tmp_path_factory.mktemp("profile")) as browser:
        yield browser


@contextmanager
def opened(
    browser: Browser, server: Dashboard, width: int = 1280, scheme: Scheme = "light"
) -> Iterator[Page]:
    page = browser.page()
    page.look_like(width, scheme=scheme)
    page.open(server.url)
    page.until("document.querySelectorAll('#processes tbody tr').length > 1")
    yield page
    page.close()


def text(page: Page, selector: str) -> str:
    found: str = page.run(f"document.querySelector({selector!r}).innerText")
    return found


def test_every_query_is_answered_by_a_real_prometheus(history: Server, morning: Morning) -> None:
    asked = questions("75s")
    answers = Prometheus(history.url).ask(list(asked.values()), morning.now)
    assert [answer for answer in answers.values() if isinstance(answer, Failed)] == []
    arms = {raw.labels["arm"] for raw in answers[asked[QUEUE]]}  # type: ignore[union-attr]
    assert {"digits-2", "digits-4"} <= arms


def test_the_charts_show_what_was_counted(sources: Sources) -> None:
    found = traffic(
        Prometheus(sources.prometheus),
        sources.contracts(),
        seconds=3600,
        scrape_seconds=15.0,
        clock=sources.clock,
    )
    assert found.problem == ""
    arms = found.models["digits"].arms
    assert sorted(arms) == [1, 2, 3, 4]
    whole = sum(max(value or 0.0 for value in arm["requests"]) for arm in (arms[2], arms[4]))
    assert whole > 60
    assert max(value or 0.0 for value in arms[3]["p99"]) > 250
    assert max(value or 0.0 for value in arms[2]["p99"]) < 250
    assert all(value is None or 0 <= value <= 0.05 for value in arms[2]["errors"])
    assert all(value is None or 0.5 < value < 2 for value in arms[2]["queue"])
    assert found.models["tickets"].arms == {}


@pytest.mark.parametrize(("width", "scheme"), LOOKS)
def test_the_page_looks_right_and_complains_of_nothing(
    browser: Browser, server: Dashboard, width: int, scheme: Scheme
) -> None:
    with opened(browser, server, width, scheme) as page:
        page.run("document.querySelector('#range input[value=\"3600\"]').click()")
        page.until(f"{DRAWN} === 5")
        page.until("document.querySelector('#charts').innerText.includes('v3')")
        page.until("!document.querySelector('#alerts').hidden")
        assert page.run("document.documentElement.scrollWidth <= innerWidth")
        ground = page.run("getComputedStyle(document.body).backgroundColor")
        assert (ground == "rgb(14, 17, 22)") == (scheme == "dark")
        promotions = text(page, "#promotions")
        for word in ("promoted", "rolled back", "digits 4 over 2", "report"):
            assert word in promotions
        assert "LatencyBudgetBurnsFast" in text(page, "#alerts")
        assert text(page, "#state") == "1 alert"
        assert "v4" in text(page, "#models")
        assert page.problems == []


def test_a_report_opens_from_the_page(browser: Browser, server: Dashboard) -> None:
    with opened(browser, server, 390) as page:
        page.open(page.run("document.querySelectorAll('#promotions a')[1].href"))
        assert text(page, "h1") == "digits: version 3"
        assert page.run("document.documentElement.scrollWidth <= innerWidth")
        assert page.problems == []


def test_the_keyboard_is_enough(browser: Browser, server: Dashboard) -> None:
    with opened(browser, server) as page:
        page.run("document.querySelector('#range input:checked').focus()")
        page.press(*RIGHT)
        page.until("document.querySelector('#range input:checked').value === '3600'")
        page.run("document.getElementById('model-tickets').focus()")
        page.press(*ENTER)
        page.until("document.querySelector('#charts-title').innerText === 'tickets'")
        assert page.run("document.activeElement.id") == "model-tickets"
        assert "Nothing was measured" in text(page, "#charts")


def test_everything_has_a_name_for_those_who_do_not_see_it(
    browser: Browser, server: Dashboard
) -> None:
    with opened(browser, server) as page:
        page.until(f"{DRAWN} === 5")
        nodes = page.ask("Accessibility.getFullAXTree")["nodes"]
        named = {"button", "link", "radio", "image", "heading", "progressbar"}
        found = [node for node in nodes if node.get("role", {}).get("value") in named]
        assert len(found) > 15
        assert [node for node in found if not node.get("name", {}).get("value")] == []
        charts = [node for node in found if node["role"]["value"] == "image"]
        assert any("Latency: v" in node["name"]["value"] for node in charts)


def test_without_prometheus_the_page_says_so_and_recovers(
    browser: Browser, server: Dashboard, history: Server
) -> None:
    with opened(browser, server) as page:
        page.until(f"{DRAWN} === 5")
        history.stop(signal.SIGKILL)
        try:
            page.until("!document.querySelector('#problem').hidden")
            assert "Prometheus does not answer" in text(page, "#problem")
            assert "no metrics" in text(page, "#state")
            assert "digits 4 over 2" in text(page, "#promotions")
        finally:
            history.start()
        page.until("document.querySelector('#problem').hidden")
        assert page.problems == []


def test_when_its_own_server_stops_the_page_says_so(browser: Browser, sources: Sources) -> None:
    with ExitStack() as stack:
        server = stack.enter_context(serving(sources, 0))
        page = stack.enter_context(opened(browser, server))
        server.shutdown()
        server.server_close()
        page.until("document.querySelector('#problem').innerText.includes('has stopped')")
        assert "digits 4 over 2" in text(page, "#promotions")


def test_words_of_others_stay_words(browser: Browser, sources: Sources, tmp_path: Path) -> None:
    evil = "<img src=x onerror=\"document.title='evil'\"><script>document.title='evil'</script>"
    recorded(tmp_path, simulated(1, 2), replace(started(), who=evil))
    with (
        serving(replace(sources, journals=tmp_path), 0) as server,
        opened(browser, server) as page,
    ):
        page.until("document.querySelector('#promotions').innerText.includes('onerror')")
        assert page.run("document.title").startswith("(1) serving local")
        assert (
            page.run("document.querySelectorAll('#promotions img, #promotions script').length") == 0
        )
        assert page.problems == []
