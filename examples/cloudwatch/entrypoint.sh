#!/bin/bash
# The main process in the foreground, the CloudWatch agent beside it. Named as ENTRYPOINT below
# tini or dumb-init; either may tell this script, or the whole process group, to end.
set -u

# Without a trap the shell would die of the signal at once, and with it the container, before the
# agent has sent what it has. A signal that comes before there is a main process is for it as well.
main= told=
trap 'if [ -n "$main" ]; then kill -TERM "$main" 2>/dev/null; else told=yes; fi' TERM INT

# In a session of its own, so that a signal for the whole group does not end it first.
setsid wca cloudwatch-agent --namespace "${NAMESPACE:?}" --service "${SERVICE:?}" &
agent=$!

"$@" &
main=$!
[ -n "$told" ] && kill -TERM "$main"

# Not with wait: a signal ends that, and bash may not know the code of the main process afterwards.
while kill -0 "$main" 2>/dev/null; do
    sleep 0.2
done
wait "$main"
code=$?

kill -TERM "$agent" 2>/dev/null
wait "$agent"
exit "$code"
