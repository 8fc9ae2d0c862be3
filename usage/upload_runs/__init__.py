"""Pages and API of uploads: runs of the upload page, plain forms, scripts."""
