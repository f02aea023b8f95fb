"""The social-security terminal (社保业务功能终端), step by step as SSC parts 7 and 8 have them."""
