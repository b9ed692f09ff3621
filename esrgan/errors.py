"""The one exception that is meant to be read by the person at the screen."""


class UserError(ValueError):
    """Something about the user's file or setting is wrong; the text says what, and what to do.

    The command line prints it as one line and exits with code 2; the page shows it as a message.
    """
