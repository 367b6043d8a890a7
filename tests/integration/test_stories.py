"""The story of each role in a real Chromium, at the desks of three agencies, on the real pipeline."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta

import confluent_kafka as ck
import pytest
from playwright.sync_api import Browser, Page, expect

from bridge.desk.audit import verify
from demo.stack import PLATFORM, REDIS, Stack
from tests.chromium import chromium
from tests.integration.cast import (
    CHILDREN,
    SLOW_MS,
    Cast,
    ask,
    card,
    confirm,
    full_name,
    look_again,
    mark,
    not_reloaded,
    picture,
    pictures,
    to,
    unfold,
)
from tests.integration.county import eventually, messages
from tests.integration.northmere import AGENCIES, LOG_TEXT, NOTE_TEXT, Northmere, northmere_on

pytestmark = [pytest.mark.integration, pytest.mark.browser]
WHY = "Asking the mother would tell him where the children are tonight."
QUESTION, ANSWER = "What makes you think that he is away?", "His sister says that he left on Sunday."


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as found:
        yield found


@pytest.fixture(scope="module")
def northmere(
    browser: Browser,
    start_stack: Callable[..., AbstractContextManager[Stack]],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Northmere]:
    """The partnership, live; where there is no browser nothing is started."""
    folder = tmp_path_factory.mktemp("northmere")
    with (
        start_stack(folder / "stack", parts={PLATFORM, REDIS}) as stack,
        northmere_on(stack, folder, CHILDREN) as made,
    ):
        yield made


@pytest.fixture(scope="module")
def cast(browser: Browser, northmere: Northmere) -> Iterator[Cast]:
    expect.set_options(timeout=SLOW_MS)
    made = Cast(browser, northmere)
    yield made
    made.close()
    expect.set_options(timeout=5_000)


def test_an_alert_raised_in_the_pipeline_appears_in_the_open_inbox(northmere: Northmere, cast: Cast) -> None:
    page = to(cast("council", "duty"), "/inbox/mash")
    expect(page.get_by_text("Live. Checked")).to_be_visible()
    expect(card(page, "mary")).to_have_count(0)
    mark(page)
    northmere.alert("mary")
    expect(card(page, "mary")).to_be_visible()
    assert not_reloaded(page)
    assert "mary" not in page.title().lower()
    pictures(page, "duty-inbox")


def test_a_desk_that_is_lost_and_comes_back_loses_no_alert_and_shows_none_twice(
    northmere: Northmere, cast: Cast
) -> None:
    northmere.alert("mary")
    page = to(cast("council", "duty"), "/inbox/mash")
    expect(card(page, "mary")).to_be_visible()
    mark(page)
    northmere.kill_desk("council")
    northmere.alert("odalys")
    expect(page.get_by_text("Connection lost.")).to_be_visible()
    expect(page.get_by_text("Live. Checked")).to_be_hidden()
    picture(page, "duty-connection-lost")
    northmere.start_desk("council")
    expect(card(page, "odalys")).to_be_visible()
    expect(page.get_by_text("Connection lost.")).to_be_hidden()
    for who in ("mary", "odalys"):
        expect(card(page, who)).to_have_count(1)
    assert not_reloaded(page)
    picture(page, "duty-reconnected")


def test_the_duty_worker_reads_why_how_fresh_and_by_when_and_takes_it(northmere: Northmere, cast: Cast) -> None:
    northmere.only_one_is_behind()
    northmere.alert("odile")
    duty, supervisor = cast("council", "duty"), to(cast("council", "supervisor"), "/inbox/mash")
    card(to(duty, "/inbox/mash"), "odile").click()
    why = duty.get_by_role("table", name="Why")
    expect(why.get_by_role("row", name="Violence")).to_contain_text("police")
    expect(duty.get_by_text("This is a lower bound")).to_contain_text("Northmere Hospital")
    expect(duty.get_by_text("Answer by")).to_be_visible()
    expect(duty.get_by_role("list", name="Who else knows this household")).to_contain_text("Northmere Police")
    pictures(duty, "duty-alert")
    duty.get_by_role("button", name="I have this").click()
    expect(duty.get_by_text("You have this since")).to_be_visible()
    expect(supervisor.get_by_role("listitem").filter(has=card(supervisor, "odile"))).to_contain_text(
        "Dana Duty has it"
    )
    picture(duty, "duty-taken")


def test_a_child_not_known_to_us_is_named_only_after_an_answered_request(northmere: Northmere, cast: Cast) -> None:
    alert, one = northmere.alert("zephyrine"), CHILDREN["zephyrine"]
    duty, officer = to(cast("council", "duty"), "/inbox/mash"), cast("police", "officer")
    expect(duty.locator(f"#open-{alert['alert_id']}")).to_have_text("Not known to us")
    duty.locator(f"#open-{alert['alert_id']}").click()
    expect(duty.get_by_text("Your agency holds no record of this household.")).to_be_visible()
    for page in (
        f"/alerts/{alert['alert_id']}",
        f"/households/{alert['household']}",
        f"/summary/{alert['household']}",
    ):
        assert one.surname.lower() not in to(duty, page).content().lower()
    to(duty, f"/alerts/{alert['alert_id']}")
    pictures(duty, "duty-not-known")
    duty.get_by_role("button", name="Ask Northmere Police who this is").click()
    named = duty.get_by_role("heading", name=one.surname)
    look_again(duty, named)
    expect(named).to_contain_text("born 9 March 2014")
    picture(duty, "duty-named")
    asked = to(duty, f"/alerts/{alert['alert_id']}").get_by_role("list", name="Asked already")
    expect(asked.get_by_role("link", name="Who this is, Northmere Police")).to_be_visible()
    assert one.surname.lower() not in duty.content().lower()
    picture(duty, "duty-asked")
    expect(to(officer, "/requests").get_by_role("row", name="Who this is")).to_contain_text("Answered")


def test_an_officer_answers_one_request_and_refuses_another(northmere: Northmere, cast: Cast) -> None:
    alert, one = northmere.alert("zephyrine"), CHILDREN["zephyrine"]
    duty, officer = cast("council", "duty"), cast("police", "officer")
    record, summary = ask(duty, alert, "The record"), ask(duty, alert, "A summary")
    for path, what in ((record, "the record"), (summary, "a summary")):
        eventually(lambda path=path: path in to(officer, "/requests").content(), "the request reaches the police")
        if what == "the record":
            picture(officer, "officer-requests")
        to(officer, path)
        expect(officer.get_by_role("heading", name=f"Northmere Council asks: {what}")).to_be_visible()
        expect(officer.get_by_role("list", name="Of whom")).to_contain_text(one.surname.upper())
        picture(officer, f"officer-decides-{what.split()[-1]}")
        if what == "the record":
            expect(officer.locator(".govuk-inset-text")).to_contain_text("Covered by: Records for an enquiry")
            officer.get_by_role("button", name="Disclose the record to Northmere Council").click()
        else:
            officer.get_by_label("Why, as they will read it").select_option(index=1)
            officer.get_by_role("button", name="Refuse").click()
        expect(officer.get_by_text("Decided by Olu Officer.")).to_be_visible()
    look_again(to(duty, summary), duty.get_by_text("Refused", exact=True))
    picture(duty, "duty-refused")
    look_again(to(duty, record), duty.get_by_text("It is answered, and not open to you yet."))
    expect(duty.locator("main")).not_to_contain_text(LOG_TEXT)
    picture(duty, "duty-answered-not-open")


def test_a_determination_that_a_supervisor_agrees_to_opens_the_record(northmere: Northmere, cast: Cast) -> None:
    alert, one = northmere.alert("zephyrine"), CHILDREN["zephyrine"]
    duty, supervisor, officer = cast("council", "duty"), cast("council", "supervisor"), cast("police", "officer")
    record = ask(duty, alert, "The record")
    eventually(lambda: record in to(officer, "/requests").content(), "the request reaches the police")
    to(officer, record).get_by_role("button", name="Disclose the record to Northmere Council").click()
    to(duty, f"/alerts/{alert['alert_id']}")
    police = duty.get_by_role("table", name="What you see here, and why").get_by_role("row", name="Northmere Police")
    expect(police).to_contain_text("A summary with the figures")
    expect(duty.get_by_role("list", name="Withheld").get_by_text("Northmere Police")).to_contain_text(
        "Northmere Police: the record. It opens when consent is given or when it is determined that seeking consent "
        "would harm the child or when a duty to share is recorded"
    )
    duty.get_by_role("link", name="Record or ask for a basis").click()
    unfold(duty, "Seeking consent would be to the child's detriment")
    form = duty.locator("#determination")
    form.get_by_label("Northmere Police").check()
    form.get_by_label("Why").fill(WHY)
    form.get_by_label("Until").fill((datetime.now(UTC) + timedelta(days=30)).date().isoformat())
    picture(duty, "duty-determination")
    form.get_by_role("button", name="Ask for agreement").click()
    expect(duty.get_by_role("list", name="Waits for a second person")).to_contain_text(WHY)
    expect(duty.get_by_role("button", name="I agree")).to_have_count(0)
    basis = "/" + duty.url.split("/", 3)[3]

    to(supervisor, basis)
    picture(supervisor, "supervisor-determination")
    supervisor.get_by_role("button", name="I agree").click()
    expect(supervisor.get_by_role("list", name="What is recorded")).to_contain_text("agreed by Sol Supervisor")

    look_again(to(duty, record), duty.get_by_text("It is answered, and not open to you yet."))
    duty.get_by_role("link", name="Confirm who you are").click()
    confirm(duty)
    expect(duty.get_by_text(LOG_TEXT).first).to_be_visible()
    expect(duty.get_by_role("heading", name=one.surname)).to_be_visible()
    pictures(duty, "duty-record")
    expect(to(duty, f"/alerts/{alert['alert_id']}").get_by_role("row", name="Northmere Police")).to_contain_text(
        "With a determination that seeking consent would harm the child"
    )


def test_each_desk_names_its_own_record_and_not_the_others(northmere: Northmere, cast: Cast) -> None:
    alert, one = northmere.alert("rosalind"), CHILDREN["rosalind"]
    duty, officer = cast("council", "duty"), cast("police", "officer")
    to(duty, f"/alerts/{alert['alert_id']}")
    expect(duty.get_by_text(full_name("rosalind")).first).to_be_visible()
    unfold(duty, "Ask for what another agency holds")
    form = duty.get_by_role("form", name="Northmere Police")
    form.get_by_label("What", exact=True).select_option(label="The record")
    form.get_by_label("What for").select_option(label="to assess need")
    form.get_by_role("button", name="Ask Northmere Police").click()
    duty.wait_for_url("**/requests/*")
    record = "/requests/" + duty.url.rpartition("/")[2]
    eventually(lambda: record in to(officer, "/requests").content(), "the request reaches the police")
    to(officer, record)
    expect(officer.get_by_role("list", name="Of whom")).to_contain_text(one.surname.upper())
    expect(officer.get_by_text("No protocol covers this.")).to_be_visible()
    assert one.middle.lower() not in officer.content().lower()
    assert f"CF{one.ref}" not in officer.content()
    picture(officer, "officer-own-names")
    assert f"NP{one.ref}" not in to(duty, f"/households/{alert['household']}").content()
    assert f"NP{one.ref}" not in to(duty, f"/people/{alert['records'][0].hex()}").content()
    picture(duty, "duty-own-names")


def test_police_information_is_hidden_until_the_councils_own_assessment_is_filed(
    northmere: Northmere, cast: Cast
) -> None:
    alert = northmere.alert("tobias")
    worker, supervisor = to(cast("council", "worker"), "/inbox/duty-east"), cast("council", "supervisor")
    expect(card(worker, "tobias")).to_be_visible()
    pages = (f"/alerts/{alert['alert_id']}", f"/summary/{alert['household']}", f"/people/{alert['records'][0].hex()}")
    for path, name in zip(pages, ("alert", "summary", "record"), strict=True):
        expect(to(worker, path).get_by_text("because your own assessment comes first").first).to_be_visible()
        expect(worker.get_by_text("Northmere Police").first).to_be_visible()
        expect(worker.locator("main")).not_to_contain_text(re.compile("violence", re.IGNORECASE))
        picture(worker, f"worker-first-{name}")
        expect(to(supervisor, path).get_by_text(re.compile("violence", re.IGNORECASE)).first).to_be_visible()
    pictures(to(worker, pages[0]), "worker-first-alert")
    picture(to(supervisor, pages[0]), "supervisor-alert")

    worker.get_by_role("button", name="I have this").click()
    expect(worker.get_by_text("You have this since")).to_be_visible()
    to(supervisor, pages[0])
    unfold(supervisor, "Challenge Wren Worker")
    supervisor.get_by_label("What makes you think").fill(QUESTION)
    supervisor.get_by_role("button", name="Ask Wren Worker").click()
    expect(supervisor.get_by_text("Not answered")).to_be_visible()
    to(worker, "/inbox/duty-east").get_by_role("link", name=f"alert {alert['alert_id'][:8]}").click()
    worker.get_by_label("Your answer").fill(ANSWER)
    worker.get_by_role("button", name="Answer", exact=True).click()
    expect(worker.get_by_text(ANSWER)).to_be_visible()
    for text in (QUESTION, ANSWER):
        expect(to(supervisor, "/challenges").get_by_text(text)).to_be_visible()
    picture(supervisor, "supervisor-challenges")

    northmere.assessed("tobias")
    eventually(lambda: "Violence" in to(worker, pages[0]).content(), "the assessment is filed")
    for path, name in zip(pages, ("alert", "summary", "record"), strict=True):
        expect(to(worker, path).get_by_text(re.compile("violence", re.IGNORECASE)).first).to_be_visible()
        expect(worker.get_by_text("because your own assessment comes first")).to_have_count(0)
        picture(worker, f"worker-then-{name}")


def test_a_nurse_is_told_at_once_whom_to_call_and_not_what_about(northmere: Northmere, cast: Cast) -> None:
    nurse, duty = cast("hospital", "nurse"), to(cast("council", "duty"), "/inbox/mash")
    to(nurse, "/inbox/safeguarding-health")
    expect(nurse.get_by_text("Live. Checked")).to_be_visible()
    mark(nurse)
    northmere.attends("ottoline")
    told = nurse.get_by_role("listitem").filter(has_text="Known: call")
    expect(told).to_contain_text("01632 960000")
    assert not_reloaded(nurse)
    expect(told).to_contain_text("Ottoline Marchbanks")
    assert "May" not in told.inner_text()
    for content in (NOTE_TEXT, "bruise", "injur", "child protection plan since"):
        assert content not in nurse.locator("main").inner_text().lower()
    pictures(nurse, "nurse-inbox")
    picture(to(nurse, "/presence/safeguarding-health"), "nurse-presence")
    asked = duty.get_by_role("listitem").filter(has_text="Presented").filter(has_text=full_name("ottoline"))
    expect(asked.first).to_contain_text("Northmere Hospital")
    assert NOTE_TEXT not in duty.content()


def test_governance_reads_the_log_and_opens_no_childs_page(northmere: Northmere, cast: Cast) -> None:
    alert = northmere.alert("mary")
    page = cast("council", "governance")
    expect(to(page, "/governance").get_by_text("The chain of the audit holds")).to_be_visible()
    picture(page, "governance-page")
    page.get_by_role("link", name="Access log").click()
    expect(page.get_by_role("heading", name="Access log")).to_be_visible()
    assert not [one for one in CHILDREN.values() if one.surname in page.content()]
    picture(page, "governance-log")
    household, record = alert["household"], alert["records"][0].hex()
    for path in (f"/alerts/{alert['alert_id']}", f"/households/{household}", f"/people/{record}",
                 f"/summary/{household}", f"/basis/alert/{alert['alert_id']}", "/inbox/mash"):  # fmt: skip
        answer = page.goto(northmere.address("council") + path)
        assert answer is not None and answer.status == 404, path
    picture(page, "governance-no-child")


def test_one_drafts_a_change_of_the_rules_another_signs_it_and_the_platform_takes_it(
    northmere: Northmere, cast: Cast
) -> None:
    gale, cal = to(cast("council", "governance"), "/controls"), cast("council", "caldicott")
    gale.get_by_role("button", name="Change the rules").click()
    confirm(gale)
    gale.get_by_label("Days before a step-down").fill("35")
    gale.locator("#form-day").fill((datetime.now(UTC) - timedelta(days=1)).date().isoformat())
    gale.locator("#form-reason").fill("Step-downs come before the school has answered.")
    picture(gale, "governance-change")
    gale.get_by_role("button", name="Draft and sign").first.click()
    expect(gale.get_by_text("Waits for a second signature")).to_be_visible()
    picture(gale, "governance-draft")
    draft = "/" + gale.url.split("/", 3)[3]
    to(cal, "/controls").get_by_role("link", name="Rules, version 2").click()
    expect(cal.get_by_role("table", name="What is altered")).to_contain_text("35")
    for step in ("signs", "proves"):
        cal.get_by_label("I sign without a comparison").check()
        picture(cal, f"caldicott-{step}")
        cal.get_by_role("button", name="Sign and send").click()
        if step == "signs":
            confirm(cal)
    expect(cal.get_by_text(re.compile("Sent|In force")).first).to_be_visible()
    eventually(lambda: "Version 2" in in_force(to(cal, "/controls")), "the platform takes it")
    picture(cal, "caldicott-in-force")
    expect(to(gale, draft).get_by_text("Cal Caldicott, as caldicott-guardian")).to_be_visible()


def in_force(page: Page) -> str:
    """What the page of controls says of the rules."""
    return page.locator("section", has=page.get_by_role("heading", name="Rules: when")).inner_text()


def test_an_analyst_sees_figures_and_nobodys_name(northmere: Northmere, cast: Cast) -> None:
    alert = northmere.alert("mary")
    page = to(cast("council", "analyst"), "/insights")
    expect(page.get_by_role("heading", name="Insights", level=1)).to_be_visible()
    picture(page, "analyst-insights")
    for path in ("/insights", "/demand", "/model", f"/alerts/{alert['alert_id']}", "/inbox/mash"):
        text = to(page, path).content()
        assert not [name for one in CHILDREN.values() for name in (one.given, one.surname) if name in text], path
        if path.startswith("/alerts"):
            assert "Violence" in text and "How strong the pattern is" not in text, "categories, and no figures"
    picture(page, "analyst-inbox")


def test_no_name_stands_on_a_topic_in_an_address_a_title_a_log_or_an_audit(northmere: Northmere, cast: Cast) -> None:
    """Last: of all that the stories left. The scan first finds what was planted for it."""
    planted = CHILDREN["zephyrine"].surname
    producer = ck.Producer(northmere.stack.kafka("admin"))
    producer.produce("responses-council", planted.encode())
    assert producer.flush(30) == 0
    topics = messages(northmere.stack)
    for name in ("journal", "commits", "views-council", "requests-council", "disclosures-police", "presence-mash"):
        assert topics[name], name
    written = {str(path): path.read_bytes() for path in (
        *(northmere.folder / "logs").glob("*.log"), *(northmere.folder / "agencies").glob("*/audit.jsonl"))}  # fmt: skip
    written["told"] = "\n".join(cast.told).encode()
    assert "/inbox/mash" in written["told"].decode() and "Front door – Sightline" in written["told"].decode()
    for word in (*(one.surname for one in CHILDREN.values()), LOG_TEXT, NOTE_TEXT, WHY, QUESTION, ANSWER):
        sought = word.lower().encode()
        holding = {name for name, held in topics.items() if any(sought in message.lower() for message in held)}
        holding |= {name for name, held in written.items() if sought in held.lower()}
        assert holding == ({"responses-council"} if word == planted else set()), word
    for agency in AGENCIES:
        assert verify(northmere.folder / "agencies" / agency / "audit.jsonl") is None
    assert [seen.foreign for seen in cast.watched() if seen.foreign] == []
