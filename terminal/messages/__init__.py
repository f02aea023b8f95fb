"""What terminals and hosts say to each other: plain values, known to both, that know neither."""
