"""Keys of department, bank and personaliser: stores, ceremonies, transport, the key service of a run (003 §一(四), §五)."""
