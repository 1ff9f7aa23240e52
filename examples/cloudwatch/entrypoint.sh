#!/bin/bash
# The main process in the foreground, the CloudWatch agent beside it. Named as ENTRYPOINT below
# tini or dumb-init; either may tell this script, or the whole process group, to end.
set -u

wca cloudwatch-agent --namespace "${NAMESPACE:?}" --service "${SERVICE:?}" &
agent=$!

"$@" &
main=$!
# Without a trap the shell would die of the signal at once, and with it the container, before the
# agent has sent what it has.
told=
trap 'told=1; kill -TERM "$main" 2>/dev/null' TERM INT

code=
while :; do
    told=
    wait "$main"
    status=$?
    # 127: how it ended is known already, and a signal came in between.
    [ "$status" = 127 ] && [ -n "$code" ] || code=$status
    # A signal ends the wait, too; the main process may take its time.
    [ -n "$told" ] || break
done

kill -TERM "$agent" 2>/dev/null
wait "$agent"
exit "$code"
