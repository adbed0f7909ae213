"""Class rosters as files: what is read from a spreadsheet, compared with the class, and written back."""
