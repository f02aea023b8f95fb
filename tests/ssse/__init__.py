"""Tests of the social-security environment through commands."""
