"""The pipeline, one stage in each file: publish, deliver, look, claim, sign, send, record, retry, sweep."""
