"""The bank's part of a batch (000 §3.1.3, §3.2.6): from receipt to the packages for the maker.

`service.BankBatches` does the steps; `matching` joins both sides' data and stands alone; `reconcile` proves the books.
"""
