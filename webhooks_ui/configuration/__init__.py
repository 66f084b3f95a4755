"""What ``config.load`` reads from the environment, one kind of settings a file."""
