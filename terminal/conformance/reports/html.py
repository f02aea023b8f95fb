"""The HTML report: one file without anything from outside, for people and for the file of an approval."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from html import escape
from importlib.resources import files
from typing import Any

from terminal.conformance.reports.document import Run, document
from terminal.conformance.reports.page import COLOURED, page, pairs, table, verdict_mark
from terminal.conformance.reports.plots import times_plot
from terminal.conformance.reports.record import ORDER, Record
from terminal.conformance.reports.transcript import transcript


def html(run: Run) -> str:
    """The page."""
    content = document(run)
    script = files("terminal.conformance.reports").joinpath("page.js").read_text(encoding="utf8")
    sections: tuple[Iterable[str], ...] = (
        _head(content), _comparison(content["comparison"]), _groups(run), _search(run), _cases(run),
        _traceability(content), _coverage(content["coverage"]), _times(content["coverage"]["times"]), _about(content),
    )  # fmt: skip
    title = f"Conformance: {content['verdict']} — {content['target']['name']}"
    return page(title, (line for section in sections for line in section), script)


def _head(content: Mapping[str, Any]) -> Iterator[str]:
    target, counts = content["target"], content["summary"]
    yield f"<h1>Conformance: {verdict_mark(content['verdict'])}</h1>"
    if content["reason"]:
        yield f"<p>{escape(content['reason'])}</p>"
    numbers = ", ".join(f"{counts[word]} {word}" for word in ORDER if counts.get(word))
    yield f"<p>{counts['cases']} cases: {escape(numbers or 'none')}</p>"
    yield from (f"<p>Note: {escape(hint)}</p>" for hint in content["hints"])
    yield '<nav><a href="#verdicts">verdicts</a> · <a href="#cases">cases</a> · <a href="#traceability">traceability</a> · <a href="#coverage">coverage</a> · <a href="#times">times</a> · <a href="#about">about this run</a></nav>'  # noqa: E501
    yield "<h2>The card</h2>"
    yield pairs(
        {
            "target": f"{target['name']} ({target['kind']})",
            "ATR": target["atr"],
            "specification version": target["specification_version"],
            "suite": target["suite"],
            "state": target["state"],
            "environments": ", ".join(f"{name}: {how}" for name, how in target["environments"].items()),
            "profile": content["profile"]["name"],
            "reader": "follows 61xx and 6Cxx by itself" if target["hides_status"] else "",
        }
    )


def _comparison(found: Mapping[str, Any] | None) -> Iterator[str]:
    if found is None:
        return
    yield f"<h2>Against {escape(found['against'])}</h2>"
    rows = [(escape(name), str(len(ids)), _links(ids)) for name, ids in found.items() if name != "against" and ids]
    yield table(("what", "cases", "which"), rows) if rows else "<p>Nothing changed.</p>"


def _links(ids: Iterable[str]) -> str:
    return " ".join(f'<a href="#case-{escape(name)}">{escape(name)}</a>' for name in ids)


def _bar(verdicts: Sequence[str]) -> str:
    parts = (
        f'<i class="{word}" style="flex:{verdicts.count(word)}"></i>'
        for word in ("passed", "weak", "failed", "error")
        if word in verdicts
    )
    rest = sum(word not in COLOURED for word in verdicts)
    return f'<span class="bar">{"".join(parts)}<i style="flex:{rest}"></i></span>'


def _groups(run: Run) -> Iterator[str]:
    """Verdict of each group of requirements; requirements of no catalogue count in the group of their case."""
    group_of = {name: case.group for case in run.cases for name in case.shows}
    groups: dict[str, list[str]] = {}
    for row in run.rows:
        groups.setdefault(row.group or group_of.get(row.id, "other"), []).append(row.verdict)
    yield '<h2 id="verdicts">Verdict by requirement group</h2>'
    rows = []
    for name, found in groups.items():
        verdict = next(word for word in (*ORDER[:3], *ORDER[3:]) if word in found)
        shown = ", ".join(f"{found.count(word)} {word}" for word in ORDER if word in found)
        rows.append((escape(name), verdict_mark(verdict), _bar(found), escape(shown)))
    yield table(("group", "verdict", "requirements", "numbers"), rows, "groups")


def _search(run: Run) -> Iterator[str]:
    used = sorted({record.verdict for record in run.records} | {row.verdict for row in run.rows})
    options = "".join(f"<option>{escape(word)}</option>" for word in used)
    yield (
        '<div id="search"><input id="q" type="search" placeholder="Search cases, requirements, bytes" '
        'aria-label="Search"><select id="only" aria-label="Verdict"><option value="">every verdict</option>'
        f'{options}</select><span id="count" role="status"></span></div>'
    )


def _cases(run: Run) -> Iterator[str]:
    yield '<h2 id="cases">Cases</h2>'
    group = None
    for record in run.records:
        if record.group != group:
            group = record.group
            yield f"<h3>{escape(group)}</h3>"
        yield _case(record, run)


def _case(record: Record, run: Run) -> str:
    text = "\n".join(transcript(record, run.requirements))
    return (
        f'<details class="case" id="case-{escape(record.id)}" data-v="{escape(record.verdict)}">'
        f"<summary>{verdict_mark(record.verdict)} <b>{escape(record.id)}</b> {escape(record.title)}</summary>"
        f"<pre>{escape(text)}</pre></details>"
    )


def _traceability(content: Mapping[str, Any]) -> Iterator[str]:
    rows = content["requirements"]
    yield '<h2 id="traceability">Traceability</h2>'
    yield f"<p>{len(rows)} requirements of this run: clause, what each rests on, and the cases that show it.</p>"
    cells = [
        (
            f"<b>{escape(row['id'])}</b> {escape(row['statement'])}",
            escape(row["clause"]),
            escape(row["level"]),
            escape(row["evidence"]),
            _links(row["cases"]) + (f" (same as {escape(', '.join(row['same_as']))})" if row["same_as"] else ""),
            verdict_mark(row["verdict"]),
        )
        for row in rows
    ]
    head = ("requirement", "clause", "level", "evidence", "cases", "verdict")
    yield table(head, cells, "trace", [row["verdict"] for row in rows])


def _coverage(found: Mapping[str, Any]) -> Iterator[str]:
    needs, states = found["requirements"], found["states"]
    yield '<h2 id="coverage">Coverage</h2>'
    yield pairs(
        {
            "requirements with a case": f"{needs['with_case']} of {needs['total']}",
            "commands of the tables": f"{sum(c['sent'] for c in found['commands'])} of {len(found['commands'])} sent",
            "status words seen": ", ".join(found["status_words"]),
            "states reached": f"{len(states['reached'])} of {len(states['reached']) + len(states['missing'])}",
            "states not reached": ", ".join(states["missing"]),
        }
    )
    rows = [
        (
            escape(command["environment"]), escape(f"{command['name']} {command['header']}"),
            "sent" if command["sent"] else "—", escape(" ".join(command["reached"])),
            escape(" ".join(command["missing"])), escape(" ".join(command["undeclared"])),
        )
        for command in found["commands"]
    ]  # fmt: skip
    head = ("where", "command", "sent", "status words seen", "declared, not seen", "seen, not declared")
    yield "<details><summary>Commands and their status words</summary>" + table(head, rows) + "</details>"
    if needs["without"]:
        names = escape(" ".join(needs["without"]))
        yield f"<details><summary>{len(needs['without'])} requirements without a case</summary><p>{names}</p></details>"


def _times(times: Mapping[str, Mapping[str, float]]) -> Iterator[str]:
    yield '<h2 id="times">Response times</h2>'
    yield "<p>Least, median, 95th percentile and most of each command, as this program saw them.</p>"
    yield times_plot(times)


def _about(content: Mapping[str, Any]) -> Iterator[str]:
    run, profile = content["run"], content["profile"]
    yield '<h2 id="about">About this run</h2>'
    shown: dict[str, object] = {
        "program": run["program"], "Python": run["python"], "platform": run["platform"], "started": run["started"],
        "duration": f"{run['seconds']} s, {run['cases_per_second']} cases/s",
    }  # fmt: skip
    yield pairs(shown | {f"option {name}": value for name, value in run["options"].items() if value})
    yield "<h3>Profile</h3>"
    yield pairs(profile)
