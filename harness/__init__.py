"""Start what tests and measurements both need: whole servers, supervisors alone, any process. Imports neither."""
