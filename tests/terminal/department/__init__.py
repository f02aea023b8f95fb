"""The social-security department: HSM, host, and the services of counter software."""
