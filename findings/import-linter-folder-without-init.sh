#!/usr/bin/env bash
# import-linter keeps a contract that a file breaks, if the file's folder has no __init__.py.
#
# One would expect: Python imports a subfolder without __init__.py as a namespace package; so
# import-linter reads it too, or says that it left files out.
# What happens: the files of that folder are not part of the graph. The forbidden import is not
# seen, the contract is KEPT and the exit code is 0; only the count of files tells. With an empty
# __init__.py in the folder the same import breaks the contract.
# Versions: import-linter 2.17, grimp 3.20.
# Why it matters: "the domain imports no adapter" is what a CI checks by this tool. One forgotten
# file switches the check off for a folder. A test that each folder has its __init__.py helps.
# Seen on 2026-12-01:
#   without __init__.py: Analyzed 4 files, exit code 0, the import itself works
#   with __init__.py: Analyzed 6 files, exit code 1
set -euo pipefail
. "$(dirname "$0")/lib/setup.sh"
install import-linter==2.17 grimp==3.20
pip list 2>/dev/null | grep -i -E "^(import-linter|grimp) "

mkdir -p "$work/project/app/domain/rules" "$work/project/app/adapters"
cd "$work/project"
touch app/__init__.py app/domain/__init__.py app/adapters/__init__.py
echo "NAME = 'database'" >app/adapters/database.py
echo "from app.adapters import database" >app/domain/rules/price.py
cat >.importlinter <<'INI'
[importlinter]
root_package = app
[importlinter:contract:direction]
name = the domain imports no adapter
type = forbidden
source_modules = app.domain
forbidden_modules = app.adapters
INI

lint() {
    code=0
    lint-imports --no-cache >"$work/lint.log" 2>&1 || code=$?
    echo "$1: $(grep -o 'Analyzed [0-9]* files' "$work/lint.log"), exit code $code"
}
python -c "import app.domain.rules.price"
lint "without __init__.py"
without=$code
touch app/domain/rules/__init__.py
lint "with __init__.py"

if [ "$without" != 0 ] || [ "$code" != 1 ]; then
    echo "changed: exit codes $without and $code"
    exit 1
fi
echo "as found: the folder without __init__.py was not checked, and nothing said so"
