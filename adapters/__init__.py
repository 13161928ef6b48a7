"""Everything that touches the outside: settings, databases, queues, files."""
