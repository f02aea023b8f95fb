"""Keys of department, bank and maker: stores, ceremonies, transport, the key service of a run (003 §一(四), §五)."""
