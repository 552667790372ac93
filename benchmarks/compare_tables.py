"""Print what comparisons found as Markdown, from their report.json: the tables of docs/evidence/README.md.

python benchmarks/compare_tables.py docs/evidence/compare/*/report.json
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

HEAD = "| arm | {} by seed | mean | minus {} (95 % t) | images | mAP50-95 | GFLOPs |\n|---|---|---|---|---|---|---|"


def table(analysis: dict[str, Any]) -> str:
    """Lay out every arm: all seeds, the difference on the primary measure with both intervals, and what it costs."""
    primary = analysis["primary"]
    timed = any(arm["cost"].get("latency") for arm in analysis["arms"])
    head = [line + end for line, end in zip(HEAD.splitlines(), (" latency |", "---|"), strict=True)]
    rows = ["\n".join(head if timed else HEAD.splitlines()).format(primary["name"], analysis["control"])]
    for arm in analysis["arms"]:
        number = arm["numbers"][primary["band"]][primary["measure"]]
        found = (arm["against_control"] or {}).get("primary")
        cells = [
            arm["name"],
            " ".join(f"{100 * value:.1f}" for value in number["by_seed"].values()),
            f"{100 * number['mean']:.1f}",
            f"{100 * found['value']:+.1f} ({ends(found['t'])})" if found else "",
            ends(found["images"]) if found else "",
            f"{100 * arm['numbers']['all']['AP']['mean']:.1f}",
            f"{arm['cost']['gflops']:.2f}",
            *([f"{arm['cost']['latency']['ratio']:.2f}"] if timed else []),
        ]
        rows.append(f"| {' | '.join(cells)} |")
    return "\n".join(rows)


def ends(interval: list[float] | None) -> str:
    """Write an interval in points."""
    return "-" if interval is None else f"{100 * interval[0]:+.1f} … {100 * interval[1]:+.1f}"


if __name__ == "__main__":
    for word in sys.argv[1:]:
        content = json.loads(Path(word).read_text(encoding="utf-8"))
        print(f"{content['name']}:\n\n{table(content)}\n")
