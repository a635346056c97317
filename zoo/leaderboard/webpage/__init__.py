"""`results/index.html`: the leaderboard as one page that opens without a network.

Tables are by Tabulator and curves by Chart.js, both embedded with their licences (`vendor`); the other scripts are
ours. Texts of rows are data and nothing else: they lie in a JSON block without a single "<", scripts set them as
text, and the page's content security policy lets only these scripts run and nothing be fetched from elsewhere.
"""

import base64
import hashlib
import json
import re
from pathlib import Path

from zoo.leaderboard.webpage.content import content

_HERE = Path(__file__).parent
_VENDOR = _HERE / "vendor"
_SCRIPTS = (
    _VENDOR / "chart.umd.min.js",
    _VENDOR / "tabulator.min.js",
    *(_HERE / f"{name}.js" for name in ("board", "sheets", "table", "dialogs", "curves", "page")),
)


def page(rows: list[dict], published: list[dict[str, str]], results_dir: Path | None = None) -> str:
    """The page; the same rows always give the same text.

    Args:
        rows: our results with the name of their `file`.
        published: the papers' numbers, lines of published.csv.
        results_dir: where the rows' pictures, rows of other kinds and further pages lie; None for none of them.
    """
    scripts = [_read(path) for path in _SCRIPTS]
    styles = _read(_VENDOR / "tabulator.min.css") + _read(_HERE / "page.css")
    parts = {
        "POLICY": policy(scripts, styles),
        "LICENCES": "\n".join(_read(path).replace("--", "- -") for path in sorted(_VENDOR.glob("*.LICENSE"))),
        "STYLES": styles,
        "DATA": embedded(content(rows, published, results_dir)),
        "SCRIPTS": "".join(f"<script>{script}</script>\n" for script in scripts),
    }
    # in one pass: what is put in may itself hold such a name
    return re.sub(r"@([A-Z]+)@", lambda found: parts[found[1]], _read(_HERE / "page.html"))


def embedded(data: object) -> str:
    """JSON for a script element: "<" could end it early (`</script>`) or change how it is read (`<!--<script>`)."""
    text = json.dumps(data, ensure_ascii=False, allow_nan=False, separators=(",", ":"), sort_keys=True)
    return text.replace("<", "\\u003c")


def policy(scripts: list[str], styles: str) -> str:
    """The content security policy: these scripts and styles by their hash, pictures beside the page, nothing else.

    `file:` is for pages opened from disk, where 'self' names nothing.
    """
    hashes = " ".join(map(_hash, scripts))
    return (
        f"default-src 'none'; script-src {hashes}; style-src {_hash(styles)}; img-src 'self' file: data:; "
        "base-uri 'none'; form-action 'none'"
    )


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _read(path: Path) -> str:
    lines = path.read_text(encoding="utf-8").splitlines()
    return "\n".join(line for line in lines if "# sourceMappingURL=" not in line[:40]) + "\n"
