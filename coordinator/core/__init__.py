"""Everything that decides: pure, events in and commands out. Time and chance are arguments."""
