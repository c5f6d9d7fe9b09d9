#!/usr/bin/env bash
# From the wheels and the data to the exported model; every stage prints its figures. About two hours on two cores.
#   MOODLINE_PUBLIC_DATA=…/data bash models/run.sh
set -euo pipefail
cd "$(dirname "$0")/.."
build=models/build
latest="he-32 he-33 he-34 he-35 he-36 he-37 he-38" # written while the first stage ran, on what it still got wrong
first="--share umsab=0.7 --share afrisenti_amharic=0.3 --share rusentitweet=0.15 --share hebert_ugc=0.5 --share heq_neutral=0.2"
last="--share onlp_hebrew=0.6 --share umsab=0.4 --share afrisenti_amharic=0.15 --share rusentitweet=0.1 --share hebert_ugc=0.25 --share heq_neutral=0.1"

python -m models.base
python -m models.train --init $build/base --warm-head $first --without $latest --epochs 6 --stop-after 5 --rate 1e-4 --train-embeddings --out $build/first
python -m models.train --init $build/first $last --twice $latest --epochs 1 --rate 4e-5 --seed 11 --train-embeddings --out $build/final
python -m models.export --model $build/final --version 0.3.0
python -m models.evaluate --card
python -m models.speed --card
