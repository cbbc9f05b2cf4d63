#!/usr/bin/env bash
# ruamel.yaml, "a YAML 1.2 loader", reads 1_000, 0b11 and 2026-11-30 by YAML 1.1, and an emoji of
# JSON as two halves.
#
# One would expect: a plain scalar has a type of the core schema of YAML 1.2 (null, boolean,
# integer, float) or is a text. The documentation lists what 1.2 dropped: yes and no, 010 as octal,
# base 60. And YAML 1.2 includes JSON, so a file of JSON is read as JSON.
# What happens: those three are dropped, the other types of 1.1 are not. Underscores in numbers,
# binary numbers, signed octal ones and dates are read as in 1.1, a merge key merges, and the text
# "=" cannot be loaded at all. An emoji that JSON writes as "\ud83d\ude00" becomes two halves of a
# surrogate pair, which no encoder of UTF-8 accepts.
# Versions: ruamel.yaml 0.19.1 (typ="safe", pure=True).
# Why it matters: two readers of YAML 1.2 read two documents from one file, of a workflow definition
# for instance: a limit of 1_000 is a number for the one and a text for the other. The error for the
# emoji comes much later, where the text is stored or sent.
# Seen on 2026-12-01:
#   1_000 is 1000
#   1_ is 1
#   1_0.5 is 10.5
#   0b11 is 3
#   -0o10 is -8
#   2026-11-30 is datetime.date(2026, 11, 30)
#   = is ConstructorError
#   "\ud83d\ude00" is '\ud83d\ude00'
#   as in 1.2: yes is 'yes', 010 is 10, 1:30 is '1:30'
set -euo pipefail
. "$(dirname "$0")/lib/setup.sh"
install ruamel.yaml==0.19.1

python - <<'PYTHON'
import sys

import ruamel.yaml
from ruamel.yaml import YAML


def read(text):
    try:
        return repr(YAML(typ="safe", pure=True).load(f"a: {text}")["a"])
    except ruamel.yaml.YAMLError as error:
        return type(error).__name__


print("ruamel.yaml", ruamel.yaml.__version__)
found = {
    "1_000": "1000",
    "1_": "1",
    "1_0.5": "10.5",
    "0b11": "3",
    "-0o10": "-8",
    "2026-11-30": "datetime.date(2026, 11, 30)",
    "=": "ConstructorError",
    r'"\ud83d\ude00"': r"'\ud83d\ude00'",
}
dropped = {"yes": "'yes'", "010": "10", "1:30": "'1:30'"}
same = True
for text, value in found.items():
    print(f"{text} is {read(text)}")
    same = same and read(text) == value
print("as in 1.2:", ", ".join(f"{text} is {read(text)}" for text in dropped))
if not same or any(read(text) != value for text, value in dropped.items()):
    sys.exit("changed: see above")
print("as found: of the types of YAML 1.1 three are gone, the others are still there")
PYTHON
