"""Put a server under load: real Tsung, students who use cells, and what became of every computation (``make load``)."""
