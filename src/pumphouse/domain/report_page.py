"""The report of a migration as one HTML page that needs nothing from elsewhere: to be mailed, printed and kept. Pure; the API serves it.

Every text in it comes from clouds and is escaped; the page has no script, and forbids to load anything.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from html import escape

from pumphouse.domain.amounts import size
from pumphouse.domain.report import Moved, Report

_STYLE = """
body{font:15px/1.45 system-ui,sans-serif;margin:2rem auto;max-width:72rem;padding:0 1rem;color:#1b2430;background:#fff}
h1{font-size:1.5rem;margin:0}h2{font-size:1.1rem;margin:2rem 0 .5rem}p.sub{margin:.2rem 0 1rem;color:#5a6675}
table{border-collapse:collapse;width:100%;font-size:.88rem}th,td{text-align:left;padding:.3rem .7rem .3rem 0;border-bottom:1px solid #dde3ea;vertical-align:top}
th{color:#5a6675;font-weight:600}td{overflow-wrap:anywhere}code{font:.82rem ui-monospace,monospace}
dl{display:grid;grid-template-columns:max-content 1fr;gap:.2rem 1.5rem;margin:0}dt{color:#5a6675}dd{margin:0}
.bad{color:#b3261e;font-weight:600}.good{color:#1e7b34;font-weight:600}
@media print{body{margin:0;max-width:none}h2{break-after:avoid}tr{break-inside:avoid}}
@media (prefers-color-scheme:dark){body{background:#14181d;color:#dfe5ec}th,dt,p.sub{color:#93a1b0}th,td{border-color:#2b333d}.bad{color:#ff8a80}.good{color:#7bd88f}}
"""
_GOOD = frozenset({"verified", "committed"})
_BAD = frozenset({"errors", "partial", "unfinished"})


def page(report: Report) -> str:
    """The whole page."""
    title = f"Migration of {report.tenant_name}: {report.source} to {report.destination}"
    parts = [
        f"<h1>{escape(title)}</h1>",
        f'<p class="sub">Pumphouse, as of {_when(report.made_at)}</p>',
        _summary(report),
        _not_moved(report),
        _table("Of kinds that are not moved", ("What",), ((gap,) for gap in report.gaps)),
        _table(
            "Findings of the plan",
            ("Severity", "About", "Finding"),
            ((f.severity, f.subject, f.message) for f in report.findings),
        ),
        _servers(report),
        _addresses(report),
        _data(report),
        _changed(report),
        _todo(report),
        _everything(report.moved),
    ]
    policy = "default-src 'none'; style-src 'unsafe-inline'"
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        '<meta name="viewport" content="width=device-width,initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n"
        + "\n".join(filter(None, parts))
        + "\n</body>\n</html>\n"
    )


def _summary(report: Report) -> str:
    colour = "good" if report.status in _GOOD else "bad" if report.status in _BAD else ""
    failed = sum(n.failed for n in report.not_moved)
    longest = report.longest_downtime_s
    rows = [
        ("Status", f'<span class="{colour}">{escape(report.status)}</span>'),
        ("Tenant", f"{escape(report.tenant_name)} <code>{escape(report.tenant_id)}</code>"),
        ("Moved", f"{len(report.moved)} ({', '.join(_counts(report))})" if report.moved else "nothing"),
        (
            "Not moved",
            f"{len(report.not_moved)}, of which {failed} failed" if report.not_moved else "nothing",
        ),
        ("Data", f"{size(report.size_bytes)}, of which {size(report.moved_bytes)} went over the wire"),
        ("Longest downtime", "none" if longest is None else _seconds(longest)),
    ]
    if report.operation_id:
        run = (
            f"<code>{escape(report.operation_id)}</code> {escape(report.operation_status.replace('_', ' '))}"
        )
        rows += [("Stopped because", escape(report.error))] if report.error else []
        rows.append(("Last run", f"{run}, {_when(report.started_at)} to {_when(report.ended_at)}"))
    return "<dl>" + "".join(f"<dt>{name}</dt><dd>{value}</dd>" for name, value in rows) + "</dl>"


def _counts(report: Report) -> list[str]:
    return [f"{count} {escape(kind.replace('_', ' '))}" for kind, count in report.counts.items()]


def _not_moved(report: Report) -> str:
    rows = (
        (_kind(n.kind), n.name or n.id, "failed" if n.failed else "left" if n.wished else "cannot", n.why)
        for n in report.not_moved
    )
    return _table("What did not move, and why", ("Kind", "Name", "", "Why"), rows)


def _servers(report: Report) -> str:
    rows = (
        (
            s.name,
            s.stopped_at,
            s.started_at,
            "did not run" if s.downtime_s is None else _seconds(s.downtime_s),
        )
        for s in report.servers
    )
    return _table("Servers", ("Server", "Down at the source", "Up at the destination", "Downtime"), rows)


def _addresses(report: Report) -> str:
    rows = (
        (a.name, _kind(a.kind), ", ".join(a.before), ", ".join(a.after), "same" if a.same else "changed")
        for a in report.addresses
    )
    return _table("Addresses", ("Name", "Kind", "Before", "After", ""), rows)


def _data(report: Report) -> str:
    rows = (
        (m.name, _kind(m.kind), size(m.size_bytes), size(m.moved_bytes), m.engine, m.digest)
        for m in report.moved
        if m.digest or m.moved_bytes
    )
    return _table("Data, hashed at both ends", ("Name", "Kind", "Size", "Copied", "By", "Hash"), rows)


def _changed(report: Report) -> str:
    rows = (
        (_kind(m.kind), m.name, name, why) for m in report.moved for name, why in sorted(m.changed.items())
    )
    return _table("Different on purpose", ("Kind", "Name", "Field", "Why"), rows)


def _todo(report: Report) -> str:
    rows = ((_kind(f.kind), f.name or f.id, f.what) for f in report.for_owners)
    return _table("For their owners to do", ("Kind", "Name", "What"), rows)


def _everything(moved: Sequence[Moved]) -> str:
    rows = (
        (_kind(m.kind), m.name, m.how, m.state, f"{len(m.equal)} equal", m.id, m.destination_id)
        for m in moved
    )
    heads = ("Kind", "Name", "", "State", "Fields", "Id in the source", "Id in the destination")
    return _table("Everything", heads, rows)


def _table(title: str, heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A section; nothing when there are no rows."""
    cells = ["".join(f"<td>{escape(str(cell))}</td>" for cell in row) for row in rows]
    if not cells:
        return ""
    head = "".join(f"<th>{escape(one)}</th>" for one in heads)
    body = "\n".join(f"<tr>{row}</tr>" for row in cells)
    return f"<h2>{escape(title)}</h2>\n<table><thead><tr>{head}</tr></thead><tbody>\n{body}\n</tbody></table>"


def _kind(kind: str) -> str:
    return str(kind).replace("_", " ")


def _when(at: datetime | None) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S} UTC" if at else "-"


def _seconds(seconds: float) -> str:
    return f"{seconds:.1f} s" if seconds < 60 else f"{int(seconds) // 60} min {int(seconds) % 60:02} s"
