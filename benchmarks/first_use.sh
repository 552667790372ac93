#!/usr/bin/env bash
# What a stranger goes through, from nothing to a page, with times: a wheel in an empty environment, a small COCO data set,
# the commands in their order, and the usual mistakes. Nothing is downloaded but packages.
#
#     bash benchmarks/first_use.sh > first_use.txt
#
# In a clone, with uv. Below each command stands its time, and in parentheses the processors' in user code, which other work on the
# machine changes less. The data are signs drawn as for `auxhead demo`, few and small: what the detectors reach says nothing.
set -um # m: Ctrl-C reaches what runs in the background
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export YOLO_AUTOINSTALL=false YOLO_OFFLINE=true PATH="$work/user/bin:$PATH" NO_COLOR=1 COLUMNS=132
TIMEFORMAT='[%R s (%U s)]'

clean() { sed -u -e "s|$work/||g" -e "s|$work|.|g" -e 's|.*\r||' -e 's|\x1b\[[0-9;]*[A-Za-z]||g'; } # no folder of this machine
step() { # a command line
  printf '\n$ %s\n' "$1" | clean
  { time bash -c "$1" 2>&1; echo $? > "$work/code"; } 2>&1 | clean
  [ "$(cat "$work/code")" = 0 ] || echo "[exit code $(cat "$work/code")]"
}
say() { printf '\n== %s\n' "$1"; }

say 'A wheel in an empty environment'
step "uv build --quiet --wheel --out-dir $work/dist"
step "uv venv --quiet $work/user"
step "uv pip install --quiet --python $work/user $work/dist/*.whl"
export HOME="$work" # no settings, no fonts, no caches of anyone
cd "$work" || exit 1

say 'A COCO data set: 24 and 12 pictures of 160 px'
python - << 'PY'
import json
import shutil
from pathlib import Path

from auxhead.demonstration.sign_dataset import make_signs
from auxhead.labels.data_yaml import read_data_yaml
from auxhead.labels.listing import list_images
from auxhead.metrics.truth import read_yolo

source = read_data_yaml(make_signs(Path("drawn"), train=24, val=12, size=160))
Path("signs-coco/annotations").mkdir(parents=True)
for split in ("train", "val"):
    truth = read_yolo(list_images(source.splits[split]), source.names)
    folder = Path("signs-coco") / split
    folder.mkdir()
    images, annotations = [], []
    for place, (file, (width, height)) in enumerate(zip(truth.files, truth.sizes.tolist(), strict=True)):
        shutil.copy(file, folder)
        images.append({"id": place, "file_name": Path(file).name, "width": width, "height": height})
    for place, box in enumerate(truth.boxes.round(2).tolist()):
        owner, cls = int(truth.image[place]), int(truth.cls[place])
        area = box[2] * box[3]
        annotations.append({"id": place, "image_id": owner, "category_id": cls + 1, "bbox": box, "area": area, "iscrowd": 0})
    categories = [{"id": place + 1, "name": name} for place, name in source.names.items()]
    content = {"images": images, "annotations": annotations, "categories": categories}
    (Path("signs-coco/annotations") / f"instances_{split}.json").write_text(json.dumps(content))
shutil.rmtree("drawn")
PY
find signs-coco -maxdepth 2 | sort | grep -v '0[1-9].jpg\|[1-9][0-9].jpg'

say 'From there to a detector'
step 'auxhead help'
step 'auxhead inspect signs-coco imgsz=96 out=inspected'
step 'auxhead design signs-coco like=yolov8n.yaml imgsz=96 out=designs'
step 'auxhead train signs-coco model=yolov8n-p234.yaml epochs=1 imgsz=96 batch=8'
step 'auxhead evaluate runs/detect/train/weights/best.pt data=signs-coco'

say 'A comparison, stopped by Ctrl-C in its second run, and started again'
compare='auxhead compare data=signs-coco arms=plain,p234 seeds=0,1 model=yolov8n.yaml epochs=1 imgsz=96 batch=8 out=compared'
printf '\n$ %s\n^C\n' "$compare"
env --default-signal=INT $compare > stopped.txt 2>&1 &
started=$!
until [ -e compared/runs/p234-0/log.txt ] || ! kill -0 $started 2> /dev/null; do sleep 0.2; done
kill -INT -- -$started
wait $started
echo "[exit code $?]" >> stopped.txt
clean < stopped.txt
step 'auxhead report compared'
step "$compare"
step "$compare"
step 'auxhead report compared out=page'

say 'Mistakes'
step 'auxhead inspect sings-coco'
step 'auxhead trian signs-coco'
step 'auxhead train signs-coco epcohs=3'
step 'auxhead evaluate runs/detect/train/weights/bets.pt data=signs-coco'
step 'auxhead evaluate runs/detect/train data=signs-coco'
step 'auxhead report compare'
step 'auxhead inspect signs-coco imgsz=96 out=inspected'
step 'auxhead compare data=signs-coco arms=plain,p243 seeds=0 model=yolov8n.yaml epochs=1'

say 'What lies there now'
find . -path ./user -prune -o -path './.*' -prune -o -type f -not -path '*/images/*' -not -path '*/labels/*' -not -path './signs-coco/*' -not -path './signs-coco-yolo/*' -print \
  | grep -E 'html|inspected|designs|best.pt|page/|runs/evaluate' | sort
