"""The time that cases are set at. make.py sets it before anything is signed."""

NOW = 1_767_268_800  # Thu, 01 Jan 2026 12:00:00 GMT
