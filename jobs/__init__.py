"""The pipeline, a stage a file: publish, wake, deliver, claim, sign, send, record, retry, sweep."""
