"""Effects: transport, intake, commits, snapshots, publisher, metrics. No rule about people is decided here."""
