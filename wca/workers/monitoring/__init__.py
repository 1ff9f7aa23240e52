"""What worker monitoring does: polls shards, judges, tells, heals and keeps."""
