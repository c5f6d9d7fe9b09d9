#!/usr/bin/env bash
# From the wheels and the data to the exported model; every stage prints its figures. About an hour and a half on two cores.
#   MOODLINE_PUBLIC_DATA=…/data bash models/run.sh
set -euo pipefail
cd "$(dirname "$0")/.."
build=models/build
shares="--share umsab=0.5 --share afrisenti_amharic=0.3 --share rusentitweet=0.1 --share hebert_ugc=0.2 --share heq_neutral=0.2"

python -m models.base
python -m models.train --init $build/base --warm-head $shares --epochs 4 --rate 1e-4 --train-embeddings --out $build/joint
python -m models.train --init $build/joint $shares --epochs 3 --rate 6e-5 --train-embeddings --seed 11 --out $build/final
python -m models.export --model $build/final --version 0.2.0
python -m models.evaluate --card
python -m models.speed --card
