"""Write the ready-made layouts from Ultralytics' own YAMLs: `uv run python benchmarks/write_layouts.py`."""

from __future__ import annotations

from ultralytics.nn.tasks import yaml_model_load

from auxhead.files import write_atomic
from auxhead.layouts.layout import Layout, build, take_apart
from auxhead.layouts.ready_made import FAMILIES, FOLDER
from auxhead.layouts.sheet import text

LEVELS = (2, 3, 4)
REG_MAX = 8  # P4 tells sides up to 2 x 8 x 16 = 256 px with it. Source: own choice; most small-object data fit


def sheets() -> dict[str, str]:
    """Return the text of every file, by its name."""
    found = {}
    for family in FAMILIES:
        stock = yaml_model_load(f"{family}n.yaml" if family[-1].isdigit() else f"{family}.yaml")
        roles, _ = take_apart(stock, family)
        for up_again in (True, False):
            layout = Layout(LEVELS, up_again, None if stock.get("reg_max") == 1 else REG_MAX)
            name = f"{family}-{layout.name}"
            found[f"{name}.yaml"] = text(build(roles, layout, family), _comment(family, name, up_again=up_again))
    return found


def _comment(family: str, name: str, *, up_again: bool) -> str:
    """Say what a file is."""
    sized = name.replace(family, f"{family}n") if family[-1].isdigit() else name
    paths = "both paths of the neck" if up_again else "the neck's path down only"
    return (
        f"{name}: a detector for small objects, cut from Ultralytics' {family}.yaml (AGPL-3.0)\n"
        f"Stock modules only: levels P2, P3, P4 (strides 4, 8, 16), {paths}, no stage of stride 32.\n"
        f"Train it with: auxhead train model={sized}.yaml data=..."
    )


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for name, content in sheets().items():
        write_atomic(FOLDER / name, content.encode())
        print(FOLDER / name)
