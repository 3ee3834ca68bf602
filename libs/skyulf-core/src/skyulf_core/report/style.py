"""How report pages look, light and dark."""

from skyulf_core.report.palette import SERIES, SERIES_ON_DARK


def _variables(colours: tuple[str, ...]) -> str:
    return " ".join(f"--s{number}: {colour};" for number, colour in enumerate(colours, start=1))


STYLE = f"""
:root {{ color-scheme: light dark; --page: #f5f6f8; --card: #ffffff; --ink: #20242b; --soft: #5d6673; --line: #d5d9e0;
  --bad: #b3261e; --good: #1e7a46; {_variables(SERIES)} }}
@media (prefers-color-scheme: dark) {{ :root {{ --page: #14171c; --card: #1d2128; --ink: #e6e9ee; --soft: #9aa4b2;
  --line: #3a414c; --bad: #ff8a80; --good: #7ed6a0; {_variables(SERIES_ON_DARK)} }} }}
* {{ box-sizing: border-box; }}
body {{ margin: 0; background: var(--page); color: var(--ink); font: 15px/1.5 system-ui, "Segoe UI", sans-serif; }}
main {{ max-width: 1120px; margin: 0 auto; padding: 24px 20px 64px; }}
h1 {{ font-size: 28px; line-height: 1.2; margin: 8px 0 4px; overflow-wrap: anywhere; }}
h2 {{ font-size: 19px; margin: 36px 0 10px; }}
h3 {{ font-size: 15px; margin: 16px 0 6px; overflow-wrap: anywhere; }}
p {{ margin: 6px 0; max-width: 80ch; overflow-wrap: anywhere; }}
.soft {{ color: var(--soft); }}
nav {{ display: flex; flex-wrap: wrap; gap: 4px 16px; margin: 14px 0 0; font-size: 14px; }}
a {{ color: var(--s1); text-decoration: none; }} a:hover {{ text-decoration: underline; }}
.figures {{ display: flex; flex-wrap: wrap; gap: 12px; margin: 18px 0 8px; }}
.figure {{ background: var(--card); border: 1px solid var(--line); border-radius: 8px; padding: 10px 16px;
  min-width: 150px; }}
.figure b {{ display: block; font-size: 24px; line-height: 1.25; font-variant-numeric: tabular-nums; }}
.figure span {{ color: var(--soft); font-size: 13px; display: block; }}
.card {{ background: var(--card); border: 1px solid var(--line); border-radius: 8px; padding: 12px 16px;
  overflow-x: auto; }}
.pictures {{ display: grid; grid-template-columns: repeat(auto-fill, minmax(330px, 1fr)); gap: 14px;
  align-items: start; }}
.pictures .card {{ padding: 8px; }}
svg {{ display: block; width: 100%; height: auto; }}
svg text {{ font-family: system-ui, "Segoe UI", sans-serif !important; }}
table {{ border-collapse: collapse; width: 100%; font-size: 14px; }}
th, td {{ text-align: left; padding: 6px 22px 6px 0; border-bottom: 1px solid var(--line); vertical-align: top;
  overflow-wrap: anywhere; }}
tr:last-child td {{ border-bottom: 0; }}
th {{ color: var(--soft); font-weight: 600; white-space: nowrap; }}
td.number, th.number {{ text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }}
.bad {{ color: var(--bad); font-weight: 600; }} .good {{ color: var(--good); font-weight: 600; }}
ul {{ margin: 6px 0; padding-left: 20px; }} li {{ margin: 4px 0; overflow-wrap: anywhere; }}
code {{ font: 13px ui-monospace, monospace; overflow-wrap: anywhere; }}
footer {{ margin-top: 40px; font-size: 13px; color: var(--soft); }}
@media (max-width: 760px) {{ td {{ min-width: 13ch; }} td.number {{ min-width: 0; }}
  .pictures {{ grid-template-columns: 1fr; }} main {{ padding: 16px 12px 48px; }} }}
@media print {{ body {{ background: none; }} .card, .figure {{ break-inside: avoid; }} nav {{ display: none; }} }}
"""
