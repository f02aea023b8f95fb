"""What must never happen: one module for each rule, each behind the `Oracle` protocol of `terminal.fuzz.executor`."""
