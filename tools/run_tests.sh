#!/bin/sh
# Runs the ordinary tests: two at a time those that do not mind, then those that have to be alone.
#   tools/run_tests.sh PYTHON [options of pytest]
# Both parts run, so that a failure does not hide another. A part in which the options leave no test
# (pytest's code 5) is no failure, unless there is none in the other part either.
python=$1
shift
"$python" -m pytest -m "not slow and not alone" -n 2 --dist loadgroup --durations 25 "$@"
beside=$?
"$python" -m pytest -m "not slow and alone" --durations 60 "$@"
alone=$?
[ $beside -ne 5 ] || exit $alone
[ $alone -eq 0 ] || [ $alone -eq 5 ] || exit $alone
exit $beside
