"""Reading what others have written down of card sessions: recordings, traces, logs of PC/SC programs, hex."""
