"""Numbers what the shell is told at the end of a command; ``python -m singlecell_client`` says what each means."""

EXIT_OK, EXIT_RAISED, EXIT_USAGE, EXIT_ENDED, EXIT_REFUSED, EXIT_INTERRUPTED, EXIT_UNREAD = 0, 1, 2, 3, 4, 130, 141
