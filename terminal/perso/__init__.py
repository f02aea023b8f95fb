"""Making cards from data files (个人化): data, matching, production, faces, check of finished cards (003 §五)."""
