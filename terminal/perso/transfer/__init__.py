"""Transfer of data between the parties (数据传输, 000 §3.1.3): sealed, on dedicated lines, registered."""
