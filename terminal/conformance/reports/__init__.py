"""Reports of a conformance run: text, JUnit XML, JSON, HTML, comparison and coverage."""
