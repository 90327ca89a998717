"""``make run``: prepare the accounts and run all processes of one server on one machine."""
