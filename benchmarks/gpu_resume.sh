#!/usr/bin/env bash
# Is a run on a GPU, killed and resumed, equal to one that was not stopped, tensor by tensor?
#
#     bash benchmarks/gpu_resume.sh DATA.yaml [DEVICE]
#
# Three trainings run beside each other, with AMP and without: two whole ones, which say whether two runs on
# this GPU can be equal at all, and one that gets SIGKILL after its second epoch and is resumed. Needs about two minutes.
set -u
data=$1 device=${2:-0} python=${PYTHON:-python3}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

one() {
  local name=$1
  shift
  exec "$python" -m auxhead train "data=$data" model=yolov8n.yaml imgsz=160 epochs=4 batch=16 fraction=0.3 workers=2 \
    heads=center "device=$device" "project=$work" "name=$name" plots=false "$@" > "$work/$name.log" 2>&1
}
rows() { cat "$1/results.csv" 2> /dev/null | wc -l; }

for amp in true false; do
  one "whole-$amp" "amp=$amp" & whole=$!
  one "again-$amp" "amp=$amp" & again=$!
  one "killed-$amp" "amp=$amp" & killed=$!
  until [ "$(rows "$work/killed-$amp")" -ge 3 ]; do
    kill -0 $killed 2>/dev/null || { cat "$work/killed-$amp.log"; exit 1; }
    sleep 0.3
  done
  sleep 0.4
  kill -9 $killed
  wait $whole $again
  echo "killed amp=$amp after $(rows "$work/killed-$amp") lines of results.csv"
  "$python" -m auxhead train "resume=$work/killed-$amp" > "$work/resumed-$amp.log" 2>&1
  echo "resume rc $?"
  "$python" - "$work" "$amp" <<'PY'
import csv
import sys

import torch

folder, amp = sys.argv[1:]


def tensors(name):
    checkpoint = torch.load(f"{folder}/{name}-{amp}/weights/last.pt", map_location="cpu", weights_only=False)
    return (checkpoint["ema"] or checkpoint["model"]).state_dict()


def rows(name):
    with open(f"{folder}/{name}-{amp}/results.csv") as file:
        return [{key: value for key, value in row.items() if key.strip() != "time"} for row in csv.DictReader(file)]


whole = tensors("whole")
for words, name in (("a second whole run", "again"), ("killed and resumed", "killed")):
    other = tensors(name)
    equal = sum(torch.equal(whole[key], other[key]) for key in whole)
    print(f"amp={amp}: {words}: {equal} of {len(whole)} tensors of last.pt equal, same keys {whole.keys() == other.keys()}")
print(
    f"amp={amp}: results.csv but for time: again equal {rows('whole') == rows('again')}, "
    f"resumed equal {rows('whole') == rows('killed')}, rows {len(rows('killed'))}"
)
PY
done
