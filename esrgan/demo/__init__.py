"""The page: a folder a tab, the viewer, the server, and what tabs share."""
