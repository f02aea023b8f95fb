"""Data preparation (数据准备): files of either side read into one internal form, checked line by line (003 §五(三))."""
