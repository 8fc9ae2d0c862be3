"""Tables for spreadsheets and scripts: CSV and XLSX, written by one writer each."""
