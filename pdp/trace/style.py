"""How the page of a trace looks: in light and in dark, on a small screen, and on paper."""

from __future__ import annotations

from typing import Final

STYLE: Final = """
:root { color-scheme: light dark; --bg: #fff; --fg: #1c2024; --faint: #60646c; --line: #d9d9e0; --soft: #f4f5f7;
  --allow: #18794e; --deny: #b42318; --unsure: #8a5a00; --on: #fff; --way: #2563eb; }
@media (prefers-color-scheme: dark) { :root { --bg: #111417; --fg: #e6e8eb; --faint: #9ba1a6; --line: #33383d;
  --soft: #1a1e22; --allow: #3dd68c; --deny: #ff8b7e; --unsure: #ffc53d; --on: #111417; --way: #70a5ff; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--bg); color: var(--fg); font: 15px/1.5 system-ui, "DejaVu Sans", sans-serif; }
main { max-width: 72rem; margin: 0 auto; padding: 1.5rem; }
h1 { font-size: 1.4rem; margin: 0 0 .75rem; } h2 { font-size: 1.1rem; margin: 0 0 .5rem; }
h3 { font-size: 1rem; margin: 1rem 0 .25rem; } p { margin: .25rem 0; }
header, section { border: 1px solid var(--line); border-radius: 10px; padding: 1rem 1.25rem; margin: 0 0 1rem; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .15rem 1rem; margin: 0; }
dt { color: var(--faint); } dd { margin: 0; overflow-wrap: anywhere; }
code, .values { font: 13px/1.5 ui-monospace, "DejaVu Sans Mono", monospace; overflow-wrap: anywhere; }
.values, .faint { color: var(--faint); } .values { white-space: pre-wrap; }
.badge { display: inline-block; padding: .05rem .6rem; border-radius: 999px; font-weight: 600; }
.badge.small { font-size: 13px; padding: 0 .5rem; margin-right: .4rem; overflow-wrap: anywhere; }
.badge.allow { background: var(--allow); color: var(--on); }
  .badge.deny { background: var(--deny); color: var(--on); }
.badge.partly { background: var(--unsure); color: var(--on); }
.badge.plain { background: var(--soft); color: var(--fg); border: 1px solid var(--line); }
table { border-collapse: collapse; width: 100%; } td { padding: .2rem .5rem; vertical-align: top; }
tr + tr td { border-top: 1px solid var(--line); } td.mark { width: 2rem; text-align: center; }
  td.by { white-space: nowrap; width: 9rem; }
.changes td + td + td { width: 18rem; }
.yes { color: var(--allow); font-weight: 700; } .no { color: var(--deny); font-weight: 700; }
.unsure > .test .unsure, .unsure { color: inherit; } span.unsure { color: var(--unsure); font-weight: 700; }
.who { border: 1px solid currentColor; border-radius: 6px; padding: 0 .4rem; font-size: 13px; }
.who.caller { color: var(--allow); } .who.approver { color: var(--way); } .who.administrator { color: var(--unsure); }
.who.nobody { color: var(--faint); }
details { margin: .4rem 0; } summary { cursor: pointer; overflow-wrap: anywhere; }
  details > table { margin-left: 1rem; width: calc(100% - 1rem); }
ul.tree { list-style: none; margin: .25rem 0 0; padding-left: 1.1rem; }
section > ul.tree { padding-left: 0; } ul.tree li { margin: .3rem 0; padding-left: .6rem; }
li.taken { border-left: 3px solid var(--way); } li.left { border-left: 3px solid transparent; }
li.unsure { border-left: 3px dashed var(--unsure); } li.left > .test code { color: var(--faint); }
footer { padding: 0 .25rem; } @media (max-width: 40rem) { td { display: block; } td.mark { text-align: left; }
  tr + tr td { border-top: 0; } }
@media print { :root { --bg: #fff; --fg: #000; --faint: #444; --line: #bbb; --soft: #fff; --allow: #18794e;
  --deny: #b42318;
  --unsure: #8a5a00; --on: #fff; --way: #2563eb; } header, section { break-inside: avoid; }
  details:not([open]) > *:not(summary) { display: block; } }
"""
