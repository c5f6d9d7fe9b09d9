#!/usr/bin/env bash
# From the wheels and the data to the exported model; every stage prints its figures. About an hour and a half on two cores.
#   MOODLINE_PUBLIC_DATA=…/data bash models/run.sh
set -euo pipefail
cd "$(dirname "$0")/.."
build=models/build

python -m models.base
python -m models.train --init $build/base --sets public --epochs 2 --rate 8e-5 --out $build/public
python -m models.train --init $build/public --sets public own --public-share 0.3 --epochs 5 --rate 7e-5 --train-embeddings --out $build/tuned
python -m models.train --init $build/tuned --sets public own --public-share 0.1 --epochs 4 --rate 6e-5 --train-embeddings --out $build/final
python -m models.export --model $build/final --version 0.1.0
python -m models.evaluate
