"""Power cuts at every program step of every writing command: `tools/tear.py` and the tests run what stands here."""
