"""User studies: the page of a blind test, the answers that come back, and what they say."""
