/** Colours are variables, so that light and dark differ in one place. */
const sheet = `
:root {
  color-scheme: light dark;
  --back: #ffffff; --text: #1b1f24; --quiet: #59636e; --line: #d9dee3; --panel: #f5f7f9; --link: #0a58ca;
  --good: #1a7f4b; --good-back: #e9f6ef; --bad: #b3261e; --bad-back: #fcebea;
  --equal: #c9d3dc; --d1: #7db3f2; --d2: #2f7fe0; --d3: #0b4fa8; --zero: #e9edf1; --skip: #f3e3b8; --unreadable: #c8102e;
  --unreached: #ffffff; --stall: #f2c6a0; --reconnect: #c0398b; --done: #2f7fe0; --sent: #1a7f4b;
  --t1: #2f7fe0; --t2: #1a9a78; --t3: #d98a1f; --t4: #8a63d2; --t5: #c0398b; --t6: #7d8893;
}
@media (prefers-color-scheme: dark) {
  :root {
    --back: #14181d; --text: #e4e8ec; --quiet: #9aa5b1; --line: #333b44; --panel: #1c2229; --link: #79b8ff;
    --good: #5fd39a; --good-back: #15291f; --bad: #ff8f86; --bad-back: #351a1a;
    --equal: #3a444f; --d1: #2b5f9e; --d2: #4493f8; --d3: #a5d0ff; --zero: #262d35; --skip: #5f5127; --unreadable: #ff4d5e;
    --unreached: #14181d; --stall: #6b4423; --reconnect: #f47ac0; --done: #4493f8; --sent: #5fd39a;
    --t1: #4493f8; --t2: #35b892; --t3: #e5a445; --t4: #ab8bf0; --t5: #f47ac0; --t6: #8793a0;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0 auto; max-width: 62rem; padding: clamp(1rem, 4vw, 2.5rem); background: var(--back); color: var(--text);
  font: 1rem/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif;
  font-variant-numeric: tabular-nums; overflow-wrap: anywhere; -webkit-text-size-adjust: 100%;
}
h1 { font-size: clamp(1.2rem, 1rem + 1.2vw, 1.6rem); line-height: 1.3; margin: 0; font-weight: 650; }
h2, h3 { font-size: 1.05rem; margin: 0 0 .6rem; font-weight: 650; }
p { margin: 0 0 .6rem; }
section { margin-top: 2rem; }
code, .path { font-family: ui-monospace, SFMono-Regular, Menlo, Consolas, "Liberation Mono", monospace; font-size: .92em; }
.kicker, .quiet, figcaption { color: var(--quiet); }
.kicker { margin-bottom: .75rem; font-size: .9rem; }
.result { padding: 1rem 1.25rem; border-left: .35rem solid var(--good); border-radius: .35rem; background: var(--good-back); }
.result p { margin: .4rem 0 0; }
.result.bad { border-color: var(--bad); background: var(--bad-back); }
.result .word { color: var(--good); } .result.bad .word { color: var(--bad); }
.lead { font-size: 1.1rem; font-weight: 600; }
.result .lead { margin: 0; }
.limit { font-size: 1.1rem; margin-top: 1.25rem; margin-bottom: 0; }
dl.facts { display: grid; grid-template-columns: max-content 1fr; gap: .25rem 1.25rem; margin: 1.25rem 0 0; }
dl.facts dt { color: var(--quiet); } dl.facts dd { margin: 0; }
figure { margin: 0 0 1rem; } figcaption { font-size: .9rem; margin-bottom: .35rem; }
svg { display: block; width: 100%; }
.map { border: 1px solid var(--line); border-radius: .25rem; background: var(--unreached); }
.map rect { height: 1px; } .map rect:not(.w) { width: 1px; }
.map path { fill: none; stroke: var(--back); stroke-width: .09; pointer-events: none; }
.e { fill: var(--equal); } .d1 { fill: var(--d1); } .d2 { fill: var(--d2); } .d3 { fill: var(--d3); }
.z { fill: var(--zero); } .s { fill: var(--skip); } .u { fill: var(--unreadable); } .n { fill: var(--unreached); }
ul.legend { display: flex; flex-wrap: wrap; gap: .3rem 1.4rem; list-style: none; margin: .6rem 0; padding: 0; font-size: .9rem; }
ul.legend svg { display: inline-block; width: .85em; height: .85em; margin-right: .45em; vertical-align: -.08em; border: 1px solid var(--line); border-radius: 2px; }
.chart { height: 5.5rem; background: var(--panel); border-bottom: 1px solid var(--quiet); }
.chart path { fill-opacity: .25; stroke-width: 1.5; vector-effect: non-scaling-stroke; }
.done { fill: var(--done); stroke: var(--done); } .sent { fill: var(--sent); stroke: var(--sent); }
.stall { fill: var(--stall); opacity: .75; } .reconnect { fill: var(--reconnect); opacity: .85; }
.axis { display: flex; justify-content: space-between; font-size: .85rem; color: var(--quiet); }
.share { height: 1.4rem; border-radius: .25rem; overflow: hidden; margin-bottom: .6rem; }
td.bar { width: 100%; min-width: 5rem; padding-right: 0; }
td.bar svg { height: .8rem; margin-top: .35rem; border-radius: .2rem; background: var(--panel); }
table.times { width: 100%; } table.times th[scope=row] { white-space: nowrap; }
ul.rows { display: block; } ul.rows li { margin-bottom: .2rem; }
.t1 { fill: var(--t1); } .t2 { fill: var(--t2); } .t3 { fill: var(--t3); } .t4 { fill: var(--t4); } .t5 { fill: var(--t5); } .t6 { fill: var(--t6); }
.scroll { overflow-x: auto; margin: 0 0 .8rem; }
.scroll:focus-visible, summary:focus-visible { outline: 2px solid var(--link); outline-offset: 2px; border-radius: 2px; }
table { border-collapse: collapse; font-size: .92rem; }
th, td { padding: .25rem 1rem .25rem 0; text-align: left; vertical-align: top; border-bottom: 1px solid var(--line); font-weight: normal; overflow-wrap: normal; }
thead th { color: var(--quiet); white-space: nowrap; }
td.n, th.n { text-align: right; white-space: nowrap; }
th svg { display: inline-block; width: .85em; height: .85em; margin-right: .45em; vertical-align: -.08em; }
ul.plain { margin: 0; padding-left: 1.2rem; } ul.plain li { margin-bottom: .3rem; }
summary { cursor: pointer; color: var(--link); }
details { margin: .2rem 0 .8rem; }
details.job { border: 1px solid var(--line); border-radius: .4rem; margin: 0 0 .6rem; }
details.job > summary { padding: .6rem 1rem; color: var(--text); display: flex; flex-wrap: wrap; gap: 0 1.25rem; align-items: baseline; }
details.job > summary::before { content: "▸"; color: var(--quiet); } details.job[open] > summary::before { content: "▾"; }
details.job > summary h2 { display: inline; margin: 0; font-size: 1rem; flex: 1 1 8rem; }
details.job > summary span { color: var(--quiet); font-size: .92rem; text-align: right; min-width: 8.2rem; }
details.job > summary span.word { min-width: 5.6rem; }
details.job .result { margin-top: .8rem; }
details.job > summary .good { color: var(--good); } details.job > summary .bad { color: var(--bad); font-weight: 600; }
details.job > div { padding: .25rem 1rem 1rem; border-top: 1px solid var(--line); }
details.job section { margin-top: 1.4rem; }
footer { margin-top: 2.5rem; padding-top: .75rem; border-top: 1px solid var(--line); font-size: .85rem; color: var(--quiet); }
@media (max-width: 34rem) {
  dl.facts { grid-template-columns: 1fr; gap: 0; } dl.facts dd { margin-bottom: .5rem; }
  th, td { padding-right: .7rem; }
  details.job > summary h2 { flex-basis: 70%; }
  details.job > summary span, details.job > summary span.word { min-width: 0; text-align: left; }
}
@media print {
  :root { color-scheme: light; }
  body { max-width: none; padding: 0; font-size: 10pt; }
  section, figure, tr { break-inside: avoid; }
  .result, .chart, svg { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
  .scroll { overflow: visible; }
  details::details-content { content-visibility: visible; block-size: auto; }
}
`;

/** The style sheet of the page, without indentation. */
export const style = sheet.replace(/\n\s*/g, '\n');
