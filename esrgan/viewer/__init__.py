"""The comparison viewer: what it shows, its page in the browser, and one file of both."""
