"""Tests of the cryptography, against published vectors and independent implementations."""
